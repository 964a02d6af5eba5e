//! SmolLM2-135M-Instruct, from prompt to answer.

mod models;

use std::sync::LazyLock;
use std::time::Duration;

use plugin_cpu::{Error, Event, Finish, LanguageModel, Prompt, Sampling, Turn, Usage};

static MODEL: LazyLock<LanguageModel> = LazyLock::new(|| {
    LanguageModel::load(&models::weights("smollm2-135m-instruct.q4_1.gguf"), 1024)
        .expect("the model loads")
});

/// As a caller that shares a thread would ask.
const SLICE: Duration = Duration::from_millis(40);

fn greedy(max_tokens: u32) -> Sampling {
    Sampling {
        temperature: Some(0.0),
        max_tokens: Some(max_tokens),
        ..Sampling::default()
    }
}

fn ask(question: &str) -> Prompt {
    Prompt::Chat(vec![turn("user", question)])
}

fn turn(role: &str, text: &str) -> Turn {
    Turn {
        role: role.into(),
        text: text.into(),
    }
}

fn answer_in(slice: Duration, prompt: &Prompt, sampling: &Sampling) -> (String, Finish, Usage) {
    let mut generation = MODEL
        .generate(prompt, sampling)
        .expect("the request is valid");
    let mut text = String::new();
    let mut end = None;
    while let Some(events) = generation.next(slice) {
        for event in events {
            assert!(end.is_none(), "an event after the end");
            match event {
                Event::Text(piece) => text.push_str(&piece),
                Event::Done(finish, usage) => end = Some((finish, usage)),
            }
        }
    }
    let (finish, usage) = end.expect("it ends");
    (text, finish, usage)
}

fn answer(prompt: &Prompt, sampling: &Sampling) -> (String, Finish, Usage) {
    answer_in(SLICE, prompt, sampling)
}

#[test]
fn knows_the_capital_of_france() {
    let (text, finish, usage) = answer(&ask("What is the capital of France?"), &greedy(40));
    assert_eq!(text, "The capital of France is Paris.");
    assert_eq!(finish, Finish::Stop);
    // 31 by the model's tokenizer.json: the template adds a system turn.
    assert_eq!((usage.prompt_tokens, usage.output_tokens), (37, 7));
    assert!(usage.time > Duration::ZERO);
}
