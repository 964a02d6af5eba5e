use types::neutral::{
    FunctionTool, Message, OutputFormat, PartEnded, PartStarted, Reasoning, ReasoningKind, Role,
    Sampling, ToolCall, ToolCallStart,
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
        restores: true,
    };
    let mut request = request(vec![part]);
    let warnings = reader.redeem(&mut request).len();
    (request.messages[0].parts[0].provider_data.take(), warnings)
}

#[test]
fn data_return_to_their_plugin_and_key_alone() {
    let (seals, others) = (Seals::new(b"key"), Seals::new(b"other"));
    let sealed = issued(&seals, "p", "team", "{\"signature\":\"s\"}");
    let to = |seals, plugin, owner, sealed: &str| {
        seen(seals, plugin, owner, thought(Some(sealed.into())))
    };
    let whole = (Some("{\"signature\":\"s\"}".to_owned()), 0);
    assert_eq!(to(&seals, "p", "team", &sealed), whole);
    assert_eq!(to(&seals, "q", "team", &sealed), (None, 1));
    assert_eq!(to(&seals, "p", "others", &sealed), (None, 1));
    assert_eq!(to(&others, "p", "team", &sealed), (None, 1));
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
    assert_eq!(seen(&seals, "q", "team", call("call_1")), (None, 0));
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
        restores: false,
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

#[test]
fn the_thoughts_behind_a_call_are_kept_for_clients_without_a_field_for_them() {
    let seals = Seals::new(b"key");
    let thought = PartKind::Reasoning(ReasoningKind::Full);
    let asked = PartKind::ToolCall(ToolCallStart {
        id: "call_1".into(),
        name: "f".into(),
        by_provider: false,
    });
    let answer = |issuer: Issuer| {
        let mut issuer = issuer;
        for (index, kind, data) in [(0, &thought, Some("\"signed\"")), (1, &asked, None)] {
            issuer.issue(&mut Event::PartStarted(PartStarted {
                choice: 0,
                index,
                kind: kind.clone(),
            }));
            issuer.issue(&mut Event::PartEnded(PartEnded {
                choice: 0,
                index,
                provider_data: data.map(str::to_owned),
            }));
        }
    };
    let seen = |plugin, owner, restores| {
        let reader = Reader {
            seals: &seals,
            plugin,
            native: false,
            owner,
            restores,
        };
        let mut request = request(vec![call("call_1")]);
        assert!(reader.redeem(&mut request).is_empty());
        request.messages.remove(0).parts
    };
    answer(seals.issuer("p", "team"));
    assert_eq!(seen("p", "team", true), [call("call_1")]);
    answer(seals.issuer("p", "team").remembering());
    let whole = [self::thought(Some("\"signed\"".into())), call("call_1")];
    assert_eq!(seen("p", "team", true), whole);
    for (plugin, owner, restores) in [
        ("q", "team", true),
        ("p", "other", true),
        ("p", "team", false),
    ] {
        assert_eq!(seen(plugin, owner, restores), [call("call_1")]);
    }
}
