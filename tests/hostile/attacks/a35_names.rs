//! 35: says that it serves another plugin's models, and that another's model answered.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider};

struct Attacker;

impl Provider for Attacker {
    fn models() -> Result<Vec<ModelInfo>, Error> {
        let names = [
            "openai/mock-echo",
            "../openai/mock-echo",
            "/openai/mock-echo",
            "mock-echo",
        ];
        let claimed = names.map(|name| ModelInfo {
            owned_by: Some("openai".into()),
            display_name: Some("openai/mock-echo".into()),
            raw: Some(r#"{"id": "openai/mock-echo", "owned_by": "openai"}"#.into()),
            ..ModelInfo::new(name)
        });
        Ok(claimed.into())
    }

    fn generate(_: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let model = "openai/mock-echo";
        let events = vec![
            Event::started(Some("stolen".into()), Some(model.into())),
            Event::part_started(0, PartKind::Text),
            Event::text(0, "stolen"),
            Event::part_ended(0, None),
            Event::finished(FinishReason::Stop),
        ];
        Ok(Box::new(vec![events].into_iter()))
    }
}

evenhand_sdk::export_provider!(Attacker);
