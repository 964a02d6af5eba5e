//! What the attacks share on top of the SDK. An attack is a provider that attacks whoever asks its model `attack`; its model
//! `answer` behaves, which shows that the plugin lives.

use evenhand_sdk::http::Request;
use evenhand_sdk::types::{Event, FinishReason, PartKind};
use evenhand_sdk::{Error, Generation};

/// What an attack gives back.
pub type Answer = Result<Box<dyn Generation>, Error>;

/// Makes a function `fn(&str) -> Answer` the provider of this component; it is told the last message.
#[macro_export]
macro_rules! attack {
    ($attack:path) => {
        struct Attacker;

        impl evenhand_sdk::Provider for Attacker {
            fn models() -> Result<Vec<evenhand_sdk::types::ModelInfo>, evenhand_sdk::Error> {
                Ok(["answer", "attack"]
                    .map(evenhand_sdk::types::ModelInfo::new)
                    .into())
            }

            fn generate(request: evenhand_sdk::types::GenerateRequest) -> $crate::Answer {
                let said = request.messages.last().map(|message| message.text());
                match request.model.as_str() {
                    "answer" => $crate::says("here"),
                    _ => $attack(&said.unwrap_or_default()),
                }
            }
        }

        evenhand_sdk::export_provider!(Attacker);
    };
}

/// Makes a function `fn(Targets) -> Vec<Request>` the provider of this component: the last message is the number of the request
/// that it sends. Its answer is what came back.
#[macro_export]
macro_rules! requests {
    ($requests:path) => {
        fn attack(said: &str) -> $crate::Answer {
            let targets = evenhand_sdk::config()?;
            $crate::nth($requests(targets), said)
        }

        $crate::attack!(attack);
    };
}

/// The `config` of an attack on the network: two origins of the test.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub struct Targets {
    /// What the grant is about.
    pub granted: String,
    /// What nobody granted.
    pub other: String,
}

/// Sends the request of this number, and says what came back; `no more` behind the last.
///
/// # Errors
/// The host's, as it is.
pub fn nth(requests: Vec<Request>, number: &str) -> Answer {
    let number: usize = number
        .parse()
        .map_err(|_| Error::bad_request(format!("{number:?} is no number")))?;
    match requests.into_iter().nth(number) {
        Some(request) => send(request),
        None => says("no more"),
    }
}

/// Sends a request, and says status and body of its answer.
///
/// # Errors
/// The host's, as it is.
pub fn send(request: Request) -> Answer {
    let response = request.send()?;
    let status = response.status();
    says(&format!("{status} {}", response.text(1 << 20)?))
}

/// An answer of this text.
///
/// # Errors
/// None; attacks end in it.
pub fn says(text: &str) -> Answer {
    Ok(evenhand_sdk::answer(text, FinishReason::Stop))
}

/// An answer that begins in order, with the text `so far`; every later batch is made by `next`.
///
/// # Errors
/// None; attacks end in it.
pub fn later(next: impl FnMut() -> Option<Vec<Event>> + 'static) -> Answer {
    struct Later<F>(Option<Vec<Event>>, F);
    impl<F: FnMut() -> Option<Vec<Event>>> Generation for Later<F> {
        fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
            Ok(self.0.take().or_else(&mut self.1))
        }
    }
    Ok(Box::new(Later(Some(begin()), next)))
}

/// The first batch of an answer of text.
pub fn begin() -> Vec<Event> {
    vec![
        Event::started(None, None),
        Event::part_started(0, PartKind::Text),
        Event::text(0, "so far"),
    ]
}

/// Computes without end.
pub fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
