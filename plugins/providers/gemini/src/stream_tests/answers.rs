use super::*;
use proptest::prelude::*;

fn renaming() -> (Machine, String) {
    let mut names = Names::default();
    let sent = names.send("files/read");
    let warnings = vec![Event::warning("x", "y")];
    (Machine::new(names, warnings, 1), sent)
}

fn thinking_and_calling(sent: &str) -> Vec<u8> {
    bytes(&[
        parts(json!([{"text": "Hm…", "thought": true}])),
        parts(json!([{"text": " so", "thought": true, "thoughtSignature": "t1"}])),
        parts(json!([{"text": "grö"}])),
        parts(json!([{"text": "ßer"}])),
        parts(
            json!([{"functionCall": {"name": sent, "args": {"p": "é", "n": 1}}, "thoughtSignature": "s1"},
            {"functionCall": {"name": "now", "args": {}, "id": "fc-2"}}]),
        ),
        spent(parts(json!([{"functionCall": {"name": "now"}}]))),
        spent(end("STOP")),
    ])
}

const THINKING_AND_CALLING: [&str; 19] = [
    r#"started Some("r") Some("m") None"#,
    "warning x y",
    "0 + thought",
    "0 Hm…",
    "0  so",
    r#"0 . {"thought":true,"thoughtSignature":"t1"}"#,
    "1 + text",
    "1 grö",
    "1 ßer",
    "1 . ",
    "2 + call evenhand-r-1 files/read false",
    r#"2 {"p":"é","n":1}"#,
    r#"2 . {"thoughtSignature":"s1"}"#,
    "3 + call fc-2 now false",
    "3 . ",
    "usage Some(5) Some(9)",
    "4 + call evenhand-r-2 now false",
    "4 . ",
    "finished 0 FinishReason::ToolCalls",
];

#[test]
fn thoughts_text_and_calls_keep_their_order_wherever_the_bytes_are_cut() {
    let (machine, sent) = renaming();
    let bytes = thinking_and_calling(&sent);
    let whole = lines(&run(machine, &[&bytes]).unwrap());
    assert_eq!(whole, THINKING_AND_CALLING);
    for at in 0..bytes.len() {
        let split = run(renaming().0, &[&bytes[..at], &bytes[at..]]).unwrap();
        assert_eq!(lines(&split), whole, "split at {at}");
    }
}

proptest! {
    #[test]
    fn no_cuts_change_what_is_read(cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..9)) {
        let (machine, sent) = renaming();
        let bytes = thinking_and_calling(&sent);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for at in cuts.into_iter().chain([bytes.len()]) {
            pieces.push(&bytes[from..at]);
            from = at;
        }
        prop_assert_eq!(run(renaming().0, &pieces).unwrap(), run(machine, &[&bytes]).unwrap());
    }
}

#[test]
fn a_whole_answer_is_the_same_as_a_streamed_one() {
    let (mut machine, sent) = renaming();
    let mut answer = spent(end("STOP"));
    answer["candidates"][0]["content"]["parts"] = json!([
        {"text": "Hm… so", "thought": true, "thoughtSignature": "t1"},
        {"text": "größer"},
        {"functionCall": {"name": sent, "args": {"p": "é", "n": 1}}, "thoughtSignature": "s1"},
    ]);
    let mut events = Vec::new();
    machine.whole(&answer, &mut events).unwrap();
    assert_eq!(
        lines(&events)[2..],
        [
            "usage Some(5) Some(9)",
            "0 + thought",
            "0 Hm… so",
            r#"0 . {"thought":true,"thoughtSignature":"t1"}"#,
            "1 + text",
            "1 größer",
            "1 . ",
            "2 + call evenhand-r-1 files/read false",
            r#"2 {"p":"é","n":1}"#,
            r#"2 . {"thoughtSignature":"s1"}"#,
            "finished 0 FinishReason::ToolCalls",
        ]
    );
    let listed = json!([parts(json!([{"text": "a"}])), end("STOP")]);
    let mut events = Vec::new();
    self::machine().whole(&listed, &mut events).unwrap();
    assert_eq!(lines(&events)[1..4], ["0 + text", "0 a", "0 . "]);
    answer["candidates"][0]
        .as_object_mut()
        .unwrap()
        .remove("finishReason");
    assert!(self::machine().whole(&answer, &mut vec![]).is_err());
}

#[test]
fn a_signature_behind_a_text_is_the_texts_and_one_alone_is_an_empty_part() {
    let read = |chunks: &[Value]| lines(&run(machine(), &[&bytes(chunks)]).unwrap());
    let behind = [
        parts(json!([{"text": "Hi"}])),
        parts(json!([{"text": "", "thoughtSignature": "s"}])),
        parts(json!([{"text": ""}])),
        parts(json!([{"text": "more"}])),
        end("STOP"),
    ];
    assert_eq!(
        read(&behind)[1..7],
        [
            "0 + text",
            "0 Hi",
            r#"0 . {"thoughtSignature":"s"}"#,
            "1 + text",
            "1 more",
            "1 . "
        ]
    );
    let alone = [
        parts(json!([{"text": "Hm", "thought": true}, {"text": "", "thoughtSignature": "s"}])),
        parts(json!([{"thoughtSignature": "s2", "partMetadata": {"a": 1}}])),
        end("STOP"),
    ];
    assert_eq!(
        read(&alone)[1..8],
        [
            "0 + thought",
            "0 Hm",
            r#"0 . {"thought":true}"#,
            "1 + text",
            r#"1 . {"thoughtSignature":"s"}"#,
            "2 + text",
            r#"2 . {"thoughtSignature":"s2","partMetadata":{"a":1}}"#,
        ]
    );
}

#[test]
fn what_the_vendor_ran_itself_and_what_is_new() {
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1+1"}});
    let ran = json!({"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "2"}});
    let search = json!({"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}}, "thoughtSignature": "s"});
    let found =
        json!({"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {"n": 1}}});
    let new = json!({"hologram": {"x": 1}, "thoughtSignature": "h"});
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AQID"}, "thought": true});
    let events = run(
        machine(),
        &[&bytes(&[
            parts(json!([code, ran, search, found, new, picture])),
            end("STOP"),
        ])],
    )
    .unwrap();
    assert_eq!(
        lines(&events)[1..11],
        [
            "0 + call evenhand-r-1 code_execution true",
            r#"0 {"language":"PYTHON","code":"1+1"}"#,
            &format!("0 . {code}"),
            &format!(r#"1 whole result evenhand-r-1 [ResultContent::Text("2")] true {ran}"#),
            "2 + call t google_search_web true",
            r#"2 {"q":"x"}"#,
            &format!("2 . {search}"),
            &format!(r#"3 whole result t [ResultContent::Text("{{\"n\":1}}")] false {found}"#),
            &format!("4 whole other hologram {new}"),
            &format!("5 whole other inlineData {picture}"),
        ]
    );
    assert_eq!(lines(&events)[11], "finished 0 FinishReason::Stop");
}

#[test]
fn images_sound_and_files() {
    let sound = |data: &str| json!({"inlineData": {"mimeType": "audio/L16", "data": data}});
    let chunks = [
        parts(
            json!([{"inlineData": {"mimeType": "image/png", "data": "AQID"}, "thoughtSignature": "i"}]),
        ),
        parts(json!([sound("AQ==")])),
        parts(json!([sound("AgME")])),
        parts(
            json!([{"inlineData": {"mimeType": "video/mp4", "data": ""}}, {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}}]),
        ),
        end("STOP"),
    ];
    let events = run(machine(), &[&bytes(&chunks)]).unwrap();
    assert_eq!(
        lines(&events)[1..8],
        [
            r#"0 whole image Some("image/png") {"thoughtSignature":"i"}"#,
            "1 + audio audio/L16",
            "1 AQID",
            "1 BA==",
            "1 . ",
            r#"2 whole file Some("video/mp4") "#,
            r#"3 whole image Some("image/png") "#,
        ]
    );
    let broken = parts(json!([{"inlineData": {"mimeType": "image/png", "data": "%"}}]));
    assert!(run(machine(), &[&bytes(&[broken])]).is_err());
}

#[test]
fn several_answers_do_not_mix() {
    let both = |first: &str, second: &str| {
        json!({"responseId": "r", "candidates": [
            {"content": {"parts": [{"text": first}]}}, {"index": 1, "content": {"parts": [{"text": second}, {"functionCall": {"name": "f"}}]}}]})
    };
    let ends =
        json!({"candidates": [{"finishReason": "STOP"}, {"index": 1, "finishReason": "STOP"}]});
    let two = || Machine::new(Names::default(), vec![], 2);
    let events = run(two(), &[&bytes(&[both("a", "b"), ends])]).unwrap();
    let choices: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::PartDelta(part) => Some((part.choice, part.index)),
            _ => None,
        })
        .collect();
    assert_eq!(choices, [(0, 0), (1, 0)]);
    assert_eq!(
        lines(&events)[events.len() - 2..],
        [
            "finished 0 FinishReason::Stop",
            "finished 1 FinishReason::ToolCalls"
        ]
    );
    let one = json!({"candidates": [{"finishReason": "STOP"}]});
    assert!(run(two(), &[&bytes(&[one])]).is_err());
    assert!(
        run(
            machine(),
            &[&bytes(&[json!({"candidates": [{"index": 999}]})])]
        )
        .is_err()
    );
}

#[test]
fn sources_and_probabilities_stand_with_the_text() {
    let mut last = end("STOP");
    last["candidates"][0]["groundingMetadata"] = json!({"groundingChunks": [{"web": {"uri": "https://x", "title": "X"}}],
        "groundingSupports": [{"segment": {"startIndex": 4, "endIndex": 7}, "groundingChunkIndices": [0]}]});
    let mut said = parts(json!([{"text": "größe"}]));
    said["candidates"][0]["logprobsResult"] = json!({
        "chosenCandidates": [{"token": "größe", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "größe", "logProbability": -0.5}, {"token": "x", "logProbability": -2}]}]});
    let events = run(machine(), &[&bytes(&[said, last.clone()])]).unwrap();
    let read = lines(&events);
    assert!(
        read[3].starts_with("0 tokens [TokenLogprob") && read[3].contains("-2.0"),
        "{}",
        read[3]
    );
    assert_eq!(
        read[4..6],
        [r#"0 cites Some("https://x") Some(3) Some(5)"#, "0 . "]
    );
    let call = parts(json!([{"text": "x"}, {"functionCall": {"name": "f"}}]));
    let events = lines(&run(machine(), &[&bytes(&[call, last])]).unwrap());
    assert!(
        events
            .iter()
            .any(|line| line.starts_with("warning answer.citations"))
    );
}
