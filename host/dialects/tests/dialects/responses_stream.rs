//! A strict reader of response streams: numbers, indices, and an end for every beginning.

use std::collections::BTreeMap;

use serde_json::Value;

/// What is open in an item, by kind and index.
type Parts = BTreeMap<(String, u64), Open>;

/// What is open.
#[derive(Default)]
struct Reader {
    /// Items by their index: how they began, and what is open in them.
    items: BTreeMap<u64, (Value, Parts)>,
    done: Vec<Value>,
    ended: Option<Value>,
    begun: bool,
}

#[derive(Default)]
struct Open {
    text: String,
    said: bool,
    annotations: Vec<Value>,
}

/// Reads a stream to its end; returns the last response object.
pub(crate) fn check(events: &[Value]) -> Value {
    let mut reader = Reader::default();
    for (number, event) in (0..).zip(events) {
        assert_eq!(event["sequence_number"], number, "{event}");
        assert!(reader.ended.is_none(), "behind the end: {event}");
        reader.read(event);
    }
    let ended = reader.ended.expect("the stream ends");
    let failed = ended["status"] == "failed";
    assert!(failed || reader.items.is_empty(), "open at the end");
    assert_eq!(ended["output"], Value::from(reader.done));
    assert_eq!(failed, !ended["error"].is_null());
    assert_eq!(
        ended["status"] == "incomplete",
        !ended["incomplete_details"].is_null()
    );
    for count in ["input_tokens", "output_tokens", "total_tokens"] {
        assert!(ended["usage"][count].is_u64(), "{ended}");
    }
    assert!(ended["usage"]["input_tokens_details"]["cache_write_tokens"].is_u64());
    ended
}

impl Reader {
    fn read(&mut self, event: &Value) {
        let name = event["type"].as_str().expect("typed");
        let name = name.strip_prefix("response.").expect("of a response");
        match name {
            "created" => assert!(!std::mem::replace(&mut self.begun, true)),
            "queued" | "in_progress" => {
                assert!(self.begun && self.items.is_empty());
                assert_eq!(event["response"]["status"], name);
            }
            "completed" | "incomplete" | "failed" => {
                assert!(self.begun);
                assert_eq!(event["response"]["status"], name);
                self.ended = Some(event["response"].clone());
            }
            "audio.delta" | "audio.done" => {}
            "output_item.added" => {
                let index = event["output_index"].as_u64().expect("a number");
                assert_eq!(index, (self.done.len() + self.items.len()) as u64);
                let item = event["item"].clone();
                let old = self.items.insert(index, (item, BTreeMap::new()));
                assert!(old.is_none());
            }
            "output_item.done" => {
                let index = event["output_index"].as_u64().expect("a number");
                let (began, open) = self.items.remove(&index).expect("began");
                let item = &event["item"];
                for key in ["id", "type", "call_id", "name", "namespace"] {
                    assert_eq!(item[key], began[key], "{key}");
                }
                assert!(open.is_empty(), "{item} ends before its parts");
                assert_eq!(index, self.done.len() as u64, "items end in order");
                self.done.push(item.clone());
            }
            _ => self.inside(name, event),
        }
    }

    fn inside(&mut self, name: &str, event: &Value) {
        let index = event["output_index"].as_u64().expect("a number");
        let (item, open) = self.items.get_mut(&index).expect("in an item");
        assert_eq!(event["item_id"], item["id"], "{event}");
        let part = ["content_index", "summary_index"]
            .into_iter()
            .find_map(|key| Some((key.to_owned(), event[key].as_u64()?)));
        let (what, step) = name.rsplit_once('.').expect("two words");
        let whole = (what.to_owned(), 0);
        match (what, step) {
            ("content_part" | "reasoning_summary_part", "added") => {
                let old = open.insert(part.expect("an index"), Open::default());
                assert!(old.is_none(), "{event}");
            }
            ("content_part" | "reasoning_summary_part", "done") => {
                let open = open.remove(&part.expect("an index")).expect("began");
                let said = event["part"]["text"].as_str();
                let said = said.or(event["part"]["refusal"].as_str());
                assert_eq!(said, Some(open.text.as_str()));
                assert!(open.said, "no done before {event}");
                let notes = event["part"]["annotations"].as_array();
                assert_eq!(notes.map_or(&[][..], Vec::as_slice), open.annotations);
            }
            ("output_text.annotation", "added") => {
                let open = open.get_mut(&part.expect("an index")).expect("began");
                assert_eq!(event["annotation_index"], open.annotations.len());
                open.annotations.push(event["annotation"].clone());
            }
            (_, "delta") => {
                let open = match part {
                    Some(part) => open.get_mut(&part).expect("began"),
                    None => open.entry(whole).or_default(),
                };
                assert!(!open.said, "said after done: {event}");
                open.text.push_str(event["delta"].as_str().expect("text"));
            }
            (_, "done") => {
                let said = ["text", "refusal", "arguments", "input", "code"]
                    .into_iter()
                    .find_map(|key| event[key].as_str());
                match part {
                    Some(part) => {
                        let open = open.get_mut(&part).expect("began");
                        assert_eq!(said, Some(open.text.as_str()));
                        assert!(!std::mem::replace(&mut open.said, true));
                    }
                    None => {
                        let open = open.remove(&whole).unwrap_or_default();
                        assert_eq!(said, Some(open.text.as_str()));
                    }
                }
            }
            (
                _,
                "in_progress" | "searching" | "interpreting" | "generating" | "completed"
                | "failed",
            ) => {}
            _ => panic!("unknown: {event}"),
        }
    }
}
