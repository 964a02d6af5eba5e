//! What a plugin must see again of its own answers (`provider-data`): the host writes on it whose it is, for which key, with a code
//! that nobody else can make. It goes back to that plugin for that key, and to no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::thoughts::{self, Listener, Thoughts};
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
    /// By plugin, key and id of a tool call.
    kept: Cache<(String, String, String), Arc<Kept>>,
}

/// What belongs to a call, sealed.
#[derive(Default)]
struct Kept {
    data: Option<String>,
    thoughts: Thoughts,
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
    /// Ids of tool calls and the thoughts behind them, by choice and part.
    calls: HashMap<(u32, u32), (String, Thoughts)>,
    /// Where the client's dialect has no field for thoughts.
    listener: Option<Listener>,
}

/// Whose turn it is to see data again.
pub(crate) struct Reader<'a> {
    pub(crate) seals: &'a Seals,
    pub(crate) plugin: &'a str,
    /// The plugin forwards the client's dialect: what a client writes itself in the words of that dialect is for it.
    pub(crate) native: bool,
    pub(crate) owner: &'a str,
    /// The client's dialect has no field for thoughts: those that were kept are put back.
    pub(crate) restores: bool,
}

impl Seals {
    pub(crate) fn new(key: &[u8]) -> Self {
        let weigher = |(plugin, owner, id): &(String, String, String), kept: &Arc<Kept>| {
            let kept = kept.data.as_ref().map_or(0, String::len) + kept.thoughts.size();
            u32::try_from(plugin.len() + owner.len() + id.len() + kept).unwrap_or(u32::MAX)
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
            listener: None,
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
    /// The same, which keeps the thoughts behind calls too.
    pub(crate) fn remembering(self) -> Self {
        Self {
            listener: Some(Listener::default()),
            ..self
        }
    }

    /// Seals what is in an event, and keeps what belongs to calls.
    pub(crate) fn issue(&mut self, event: &mut Event) {
        self.seal(event);
        let listener = self.listener.as_mut();
        let thoughts = listener.map(|it| it.hear(event)).unwrap_or_default();
        match event {
            Event::PartStarted(part) => {
                if let PartKind::ToolCall(call) = &part.kind {
                    let place = (part.choice, part.index);
                    self.calls.insert(place, (call.id.clone(), thoughts));
                }
            }
            Event::PartEnded(part) => {
                let call = self.calls.remove(&(part.choice, part.index));
                if let Some((call, thoughts)) = call {
                    self.keep(call, part.provider_data.clone(), thoughts);
                }
            }
            Event::Part(whole) => {
                if let Content::ToolCall(call) = &whole.part.content {
                    self.keep(call.id.clone(), whole.part.provider_data.clone(), thoughts);
                }
            }
            _ => {}
        }
    }

    fn seal(&self, event: &mut Event) {
        match event {
            Event::PartEnded(part) => self.close(&mut part.provider_data),
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
            }
            Event::Started(_)
            | Event::PartStarted(_)
            | Event::Warning(_)
            | Event::Usage(_)
            | Event::Finished(_) => {}
        }
    }

    fn close(&self, data: &mut Option<String>) {
        if let Some(data) = data {
            *data = self.seals.seal(&self.plugin, &self.owner, data);
        }
    }

    fn keep(&self, call: String, data: Option<String>, thoughts: Thoughts) {
        if data.is_some() || !thoughts.is_empty() {
            let place = (self.plugin.clone(), self.owner.clone(), call);
            let kept = Kept { data, thoughts };
            self.seals.kept.insert(place, kept.into());
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
            if self.restores {
                thoughts::restore(message, |call| {
                    let kept = self.kept(call);
                    // Those of another plugin's stay with what the client echoed of them.
                    kept.map(|it| it.thoughts.visible(|data| self.may_see(data)))
                        .unwrap_or_default()
                });
            }
            for (at, part) in message.parts.iter_mut().enumerate() {
                let place = format!("{place}.parts[{at}]");
                if part.provider_data.is_none()
                    && let Content::ToolCall(call) = &part.content
                {
                    part.provider_data = self.kept(&call.id).and_then(|kept| kept.data.clone());
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

    fn kept(&self, call: &str) -> Option<Arc<Kept>> {
        let place = (
            self.plugin.to_owned(),
            self.owner.to_owned(),
            call.to_owned(),
        );
        self.seals.kept.get(&place)
    }

    fn may_see(&self, data: &str) -> bool {
        serde_json::from_str(data).is_ok_and(|sealed| self.verify(&sealed).is_ok())
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
#[path = "seal_tests.rs"]
mod tests;
