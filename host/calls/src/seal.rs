//! What a plugin must see again of its own answers (`provider-data`): the host writes on it whose it is, for which key, with a code
//! that nobody else can make. It goes back to that plugin for that key, and to no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use ring::hmac::{self, HMAC_SHA256};
use serde::{Deserialize, Serialize};
use types::neutral::{
    Citation, Content, Delta, Event, GenerateRequest, Part, PartKind, Tool, Warning,
};

/// How long what belongs to a call of a tool is kept, where the client's dialect has no field for it: longer than a tool takes.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Most bytes that are kept of that, over all keys.
const KEPT_SIZE: u64 = 64 << 20;

/// Makes and opens seals.
#[derive(Clone)]
pub(crate) struct Seals {
    key: hmac::Key,
    /// By key and id of a tool call.
    kept: Cache<(String, String), Arc<str>>,
}

/// Data with its issuer, as it travels.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    /// The plugin's name.
    issuer: String,
    /// Its data.
    data: String,
    /// Over issuer, key and data.
    code: String,
}

/// Seals what one answer issues.
pub(crate) struct Issuer {
    seals: Seals,
    plugin: String,
    owner: String,
    /// Ids of tool calls, by choice and part.
    calls: HashMap<(u32, u32), String>,
}

/// Whose turn it is to see data again.
pub(crate) struct Reader<'a> {
    pub(crate) seals: &'a Seals,
    pub(crate) plugin: &'a str,
    /// The plugin forwards the client's dialect: what a client writes itself in the words of that dialect is for it.
    pub(crate) native: bool,
    pub(crate) owner: &'a str,
}

impl Seals {
    pub(crate) fn new(key: &[u8]) -> Self {
        let weigher = |(owner, id): &(String, String), data: &Arc<str>| {
            u32::try_from(owner.len() + id.len() + data.len()).unwrap_or(u32::MAX)
        };
        Self {
            key: hmac::Key::new(HMAC_SHA256, key),
            kept: Cache::builder()
                .time_to_live(KEPT)
                .max_capacity(KEPT_SIZE)
                .weigher(weigher)
                .build(),
        }
    }

    /// For one answer of a plugin to the holder of a key.
    pub(crate) fn issuer(&self, plugin: &str, owner: &str) -> Issuer {
        Issuer {
            seals: self.clone(),
            plugin: plugin.into(),
            owner: owner.into(),
            calls: HashMap::new(),
        }
    }

    fn seal(&self, issuer: &str, owner: &str, data: &str) -> String {
        let code = hmac::sign(&self.key, &said(issuer, owner, data));
        let sealed = Sealed {
            issuer: issuer.into(),
            data: data.into(),
            code: URL_SAFE_NO_PAD.encode(code),
        };
        serde_json::to_string(&sealed).unwrap_or_default()
    }
}

/// What a code is over. The length of each part is in it, so that no two are alike.
fn said(issuer: &str, owner: &str, data: &str) -> Vec<u8> {
    let mut said = Vec::with_capacity(data.len() + issuer.len() + owner.len() + 24);
    for part in [issuer, owner, data] {
        said.extend_from_slice(&(part.len() as u64).to_be_bytes());
        said.extend_from_slice(part.as_bytes());
    }
    said
}

impl Issuer {
    /// Seals what is in an event.
    pub(crate) fn issue(&mut self, event: &mut Event) {
        match event {
            Event::PartStarted(part) => {
                if let PartKind::ToolCall(call) = &part.kind {
                    let place = (part.choice, part.index);
                    self.calls.insert(place, call.id.clone());
                }
            }
            Event::PartEnded(part) => {
                self.close(&mut part.provider_data);
                let call = self.calls.remove(&(part.choice, part.index));
                self.keep(call, part.provider_data.as_deref());
            }
            Event::PartDelta(part) => {
                if let Delta::Citation(citation) = &mut part.delta {
                    self.close(&mut citation.provider_data);
                }
            }
            Event::Part(whole) => {
                self.close(&mut whole.part.provider_data);
                citations(&mut whole.part)
                    .iter_mut()
                    .for_each(|citation| self.close(&mut citation.provider_data));
                if let Content::ToolCall(call) = &whole.part.content {
                    self.keep(Some(call.id.clone()), whole.part.provider_data.as_deref());
                }
            }
            Event::Started(_) | Event::Warning(_) | Event::Usage(_) | Event::Finished(_) => {}
        }
    }

    fn close(&self, data: &mut Option<String>) {
        if let Some(data) = data {
            *data = self.seals.seal(&self.plugin, &self.owner, data);
        }
    }

    fn keep(&self, call: Option<String>, data: Option<&str>) {
        if let (Some(call), Some(data)) = (call, data) {
            let place = (self.owner.clone(), call);
            self.seals.kept.insert(place, data.into());
        }
    }
}

impl Reader<'_> {
    /// Leaves in a request what its plugin may see, and says what was left out.
    pub(crate) fn redeem(&self, request: &mut GenerateRequest) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (at, message) in request.messages.iter_mut().enumerate() {
            let place = format!("messages[{at}]");
            self.open(&mut message.provider_data, &place, &mut warnings);
            for (at, part) in message.parts.iter_mut().enumerate() {
                let place = format!("{place}.parts[{at}]");
                if part.provider_data.is_none()
                    && let Content::ToolCall(call) = &part.content
                {
                    let kept = (self.owner.to_owned(), call.id.clone());
                    let kept = self.seals.kept.get(&kept);
                    part.provider_data = kept.map(|kept| kept.to_string());
                }
                self.open(&mut part.provider_data, &place, &mut warnings);
                for citation in citations(part) {
                    self.open(&mut citation.provider_data, &place, &mut warnings);
                }
            }
        }
        for (at, tool) in request.tools.iter_mut().enumerate() {
            if let Tool::Function(tool) = tool {
                self.open(
                    &mut tool.provider_data,
                    &format!("tools[{at}]"),
                    &mut warnings,
                );
            }
        }
        warnings
    }

    fn open(&self, data: &mut Option<String>, place: &str, warnings: &mut Vec<Warning>) {
        let Some(text) = data.take() else { return };
        let why = match serde_json::from_str::<Sealed>(&text) {
            Ok(sealed) => match self.verify(&sealed) {
                Ok(()) => {
                    *data = Some(sealed.data);
                    return;
                }
                Err(why) => why,
            },
            Err(_) if self.native => {
                *data = Some(text);
                return;
            }
            Err(_) => format!(
                "fields that {:?} has no words for were left out",
                self.plugin
            ),
        };
        warnings.push(Warning {
            field: place.into(),
            message: why,
        });
    }

    fn verify(&self, sealed: &Sealed) -> Result<(), String> {
        let Sealed { issuer, data, code } = sealed;
        let code = URL_SAFE_NO_PAD.decode(code).unwrap_or_default();
        let said = said(issuer, self.owner, data);
        if hmac::verify(&self.seals.key, &said, &code).is_err() {
            return Err("data of a model's earlier answer were left out: they were not issued here to this key, or were changed".into());
        }
        if issuer != self.plugin {
            return Err(format!(
                "data of an earlier answer of {issuer:?} were left out: they are for nobody else"
            ));
        }
        Ok(())
    }
}

fn citations(part: &mut Part) -> &mut [Citation] {
    match &mut part.content {
        Content::Text(text) => &mut text.citations,
        _ => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use types::neutral::{
        FunctionTool, Message, OutputFormat, PartEnded, PartStarted, Reasoning, ReasoningKind,
        Role, Sampling, ToolCall, ToolCallStart,
    };

    use super::*;

    fn part(content: Content, provider_data: Option<String>) -> Part {
        Part {
            content,
            cache: None,
            provider_data,
        }
    }

    fn thought(data: Option<String>) -> Part {
        let reasoning = Reasoning {
            kind: ReasoningKind::Full,
            text: String::new(),
        };
        part(Content::Reasoning(reasoning), data)
    }

    fn call(id: &str) -> Part {
        let call = ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            by_provider: false,
        };
        part(Content::ToolCall(call), None)
    }

    fn request(parts: Vec<Part>) -> GenerateRequest {
        let message = Message {
            role: Role::Assistant,
            parts,
            name: None,
            provider_data: None,
        };
        GenerateRequest {
            model: "m".into(),
            messages: vec![message],
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            output: OutputFormat::Text,
            sampling: Sampling::default(),
            reasoning: None,
            verbosity: None,
            modalities: Vec::new(),
            service_tier: None,
            user: None,
            metadata: Vec::new(),
            stream: true,
            extensions: Vec::new(),
        }
    }

    fn ended(provider_data: &str) -> Event {
        Event::PartEnded(PartEnded {
            choice: 0,
            index: 0,
            provider_data: Some(provider_data.into()),
        })
    }

    /// What a plugin's data are once they have left the host.
    fn issued(seals: &Seals, plugin: &str, owner: &str, data: &str) -> String {
        let mut event = ended(data);
        seals.issuer(plugin, owner).issue(&mut event);
        match event {
            Event::PartEnded(part) => part.provider_data.unwrap(),
            _ => unreachable!(),
        }
    }

    fn seen(seals: &Seals, plugin: &str, owner: &str, part: Part) -> (Option<String>, usize) {
        let reader = Reader {
            seals,
            plugin,
            native: false,
            owner,
        };
        let mut request = request(vec![part]);
        let warnings = reader.redeem(&mut request).len();
        (request.messages[0].parts[0].provider_data.take(), warnings)
    }

    #[test]
    fn data_return_to_their_plugin_and_key_alone() {
        let seals = Seals::new(b"key");
        let sealed = issued(&seals, "p", "team", "{\"signature\":\"s\"}");
        let to = |seals, plugin, owner, sealed: &str| {
            seen(seals, plugin, owner, thought(Some(sealed.into())))
        };
        let whole = (Some("{\"signature\":\"s\"}".to_owned()), 0);
        assert_eq!(to(&seals, "p", "team", &sealed), whole);
        assert_eq!(to(&seals, "q", "team", &sealed), (None, 1));
        assert_eq!(to(&seals, "p", "others", &sealed), (None, 1));
        assert_eq!(to(&Seals::new(b"other"), "p", "team", &sealed), (None, 1));
        // Whatever a client makes of it.
        let forged = sealed.replace("\"p\"", "\"q\"");
        assert_eq!(to(&seals, "q", "team", &forged), (None, 1));
        let changed = sealed.replace("signature", "signaturf");
        assert_eq!(to(&seals, "p", "team", &changed), (None, 1));
        assert_eq!(to(&seals, "p", "team", "{\"signature\":\"s\"}"), (None, 1));
    }

    #[test]
    fn no_two_seals_are_over_the_same() {
        assert_ne!(said("a", "bc", ""), said("ab", "c", ""));
        assert_ne!(said("a", "", "b"), said("a", "b", ""));
    }

    #[test]
    fn a_tool_call_s_data_are_kept_where_the_client_has_no_field_for_them() {
        let seals = Seals::new(b"key");
        let mut issuer = seals.issuer("p", "team");
        let start = ToolCallStart {
            id: "call_1".into(),
            name: "f".into(),
            by_provider: false,
        };
        issuer.issue(&mut Event::PartStarted(PartStarted {
            choice: 0,
            index: 0,
            kind: PartKind::ToolCall(start),
        }));
        issuer.issue(&mut ended("\"thought\""));
        let kept = (Some("\"thought\"".to_owned()), 0);
        assert_eq!(seen(&seals, "p", "team", call("call_1")), kept);
        assert_eq!(seen(&seals, "p", "team", call("call_2")), (None, 0));
        assert_eq!(seen(&seals, "p", "others", call("call_1")), (None, 0));
        assert_eq!(seen(&seals, "q", "team", call("call_1")), (None, 1));
    }

    #[test]
    fn what_a_client_writes_itself_is_for_those_who_speak_its_dialect() {
        let seals = Seals::new(b"key");
        let mut request = request(vec![thought(Some("{\"signature\":\"vendor's\"}".into()))]);
        request.tools.push(Tool::Function(FunctionTool {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            provider_data: Some("{\"defer_loading\":true}".into()),
        }));
        let reader = |native| Reader {
            seals: &seals,
            plugin: "p",
            native,
            owner: "",
        };
        let mut whole = request.clone();
        assert!(reader(true).redeem(&mut whole).is_empty());
        assert_eq!(whole, request);
        let warnings = reader(false).redeem(&mut request);
        let fields: Vec<_> = warnings
            .iter()
            .map(|warning| warning.field.as_str())
            .collect();
        assert_eq!(fields, ["messages[0].parts[0]", "tools[0]"]);
    }
}
