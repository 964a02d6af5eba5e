use crate::tools::{CallResult, ToolInfo};
use crate::{Error, Tool, Tools};

use super::typed::run;

macro_rules! tuples {
    ($($tool:ident)+) => {
        impl<$($tool: Tool),+> Tools for ($($tool,)+) {
            fn list_tools() -> Result<Vec<ToolInfo>, Error> {
                let mut tools = Vec::new();
                $(if $tool::offered()? {
                    tools.push($tool::info()?);
                })+
                Ok(tools)
            }

            fn call_tool(id: String, name: String, arguments: String) -> Result<CallResult, Error> {
                $(if name == $tool::NAME && $tool::offered()? {
                    return run::<$tool>(id, &arguments);
                })+
                Err(Error::not_found(format!("there is no tool {name}")))
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Failure, Json};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Deserialize, Serialize, JsonSchema)]
    enum Unit {
        Metre,
        Foot,
    }

    /// What to do.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Length {
        /// How long.
        value: f64,
        /// In which unit.
        unit: Option<Unit>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Metres {
        metres: f64,
    }

    struct Convert;

    impl Tool for Convert {
        const NAME: &'static str = "convert";
        const TITLE: Option<&'static str> = Some("Convert a length");
        const DESCRIPTION: &'static str = "A length in metres.";
        const READ_ONLY: bool = true;
        const OPEN_WORLD: bool = false;
        type Arguments = Length;
        type Output = Json<Metres>;

        fn call(length: Length, call: &Call) -> Result<Json<Metres>, Failure> {
            assert_eq!(call.id(), "call-1");
            if length.value.is_sign_negative() {
                return Err(Failure::correct("no length is negative"));
            }
            let metres = match length.unit {
                Some(Unit::Foot) => length.value * 0.3048,
                Some(Unit::Metre) | None => length.value,
            };
            Ok(Json(Metres { metres }))
        }
    }

    #[derive(Deserialize, JsonSchema)]
    struct Nothing {}

    struct Break;

    impl Tool for Break {
        const NAME: &'static str = "break";
        const DESCRIPTION: &'static str = "Breaks.";
        type Arguments = Nothing;
        type Output = String;

        fn call(_: Nothing, _: &Call) -> Result<String, Failure> {
            Err(Error::upstream("it is broken").into())
        }
    }

    struct Hidden;

    impl Tool for Hidden {
        const NAME: &'static str = "hidden";
        const DESCRIPTION: &'static str = "Isn't offered.";
        type Arguments = Nothing;
        type Output = String;

        fn offered() -> Result<bool, Error> {
            Ok(false)
        }

        fn call(_: Nothing, _: &Call) -> Result<String, Failure> {
            unreachable!("it isn't offered")
        }
    }

    struct Bare;

    impl Tool for Bare {
        const NAME: &'static str = "bare";
        const DESCRIPTION: &'static str = "Takes no object.";
        type Arguments = String;
        type Output = String;

        fn call(text: String, _: &Call) -> Result<String, Failure> {
            Ok(text)
        }
    }

    type All = (Convert, Break, Hidden);

    fn call(name: &str, arguments: Value) -> Result<CallResult, Error> {
        All::call_tool("call-1".into(), name.into(), arguments.to_string())
    }

    fn read(schema: &str) -> Value {
        serde_json::from_str(schema).unwrap()
    }

    #[test]
    fn schemas_and_hints_are_those_of_the_types() {
        let tools = All::list_tools().unwrap();
        let [convert, broken] = &tools[..] else {
            panic!("{tools:?}")
        };
        assert_eq!(
            read(&convert.input_schema),
            json!({"type": "object", "description": "What to do.", "additionalProperties": false, "required": ["value"],
                "properties": {
                    "value": {"type": "number", "description": "How long."},
                    "unit": {"type": ["string", "null"], "enum": ["Metre", "Foot", null], "description": "In which unit."}}})
        );
        let output = convert.output_schema.as_deref().map(read);
        assert_eq!(
            output,
            Some(json!({"type": "object", "required": ["metres"],
                "properties": {"metres": {"type": "number"}}}))
        );
        let hints = |t: &ToolInfo| (t.read_only, t.destructive, t.idempotent, t.open_world);
        assert_eq!(hints(convert), (true, false, true, false));
        assert_eq!(hints(broken), (false, true, false, true));
        assert_eq!(convert.title.as_deref(), Some("Convert a length"));
        assert_eq!((&broken.title, &broken.output_schema), (&None, &None));
    }

    #[test]
    fn a_result_is_structured_and_the_same_as_text() {
        let result = call("convert", json!({"value": 10, "unit": "Foot"})).unwrap();
        let said = r#"{"metres":3.048}"#;
        assert_eq!(result.structured.as_deref(), Some(said));
        assert_eq!(
            result,
            CallResult {
                structured: Some(said.into()),
                ..CallResult::text(said)
            }
        );
    }

    #[test]
    fn what_the_model_may_correct_is_told_to_it() {
        for arguments in [
            json!({"value": -1}),
            json!({"value": "x"}),
            json!({"value": 1, "more": 2}),
        ] {
            let result = call("convert", arguments).unwrap();
            assert!(result.is_error && result.structured.is_none());
        }
        let error = call("break", json!({})).unwrap_err();
        assert_eq!(error, Error::upstream("it is broken"));
    }

    #[test]
    fn what_is_not_offered_is_not_found() {
        for name in ["hidden", "other"] {
            let error = call(name, json!({})).unwrap_err();
            assert_eq!(error, Error::not_found(format!("there is no tool {name}")));
        }
    }

    #[test]
    fn arguments_must_be_an_object() {
        let error = <(Bare,)>::list_tools().unwrap_err();
        assert_eq!(error.code, crate::types::ErrorCode::Internal);
    }
}
