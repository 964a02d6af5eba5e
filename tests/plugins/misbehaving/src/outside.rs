//! What asks the host for something, or tries to go round it.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use evenhand_sdk::accelerators::{self, Requirements};
use evenhand_sdk::http::{Body, Request};
use evenhand_sdk::tensors::{GenerationEvent, ModelOptions, Prompt, Sampling};
use evenhand_sdk::types::{Event, FinishReason, PartKind};
use evenhand_sdk::{Error, Generation};

use crate::work::number;
use crate::{Answer, says, vendor};

/// A request, as JSON of the test.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    credential: Option<String>,
}

/// Sends a request and says status, `location` and body of its answer.
pub(crate) fn send(wanted: &str) -> Answer {
    let wanted: Wanted =
        serde_json::from_str(wanted).map_err(|e| Error::bad_request(e.to_string()))?;
    let mut request = Request::new(&wanted.method, wanted.url).headers(wanted.headers);
    if let Some(name) = &wanted.credential {
        request = request.credential(name);
    }
    let response = request.send()?;
    let (status, location) = (response.status(), response.header("location"));
    let body = response.text(1 << 20)?;
    says(&format!("{status} {} {body}", location.unwrap_or_default()))
}

/// Passes on what the vendor says, a batch for each piece.
pub(crate) fn stream() -> Answer {
    struct Pieces(Option<Vec<Event>>, Body);
    impl Generation for Pieces {
        fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
            if let Some(first) = self.0.take() {
                return Ok(Some(first));
            }
            let piece = self.1.read()?;
            Ok(piece.map(|piece| vec![Event::text(0, String::from_utf8_lossy(&piece))]))
        }
    }
    let response = Request::get(format!("{}/stream", vendor()?)).send()?;
    let first = vec![
        Event::started(None, None),
        Event::part_started(0, PartKind::Text),
    ];
    Ok(Box::new(Pieces(Some(first), response.body())))
}

/// Opens the weights `w` so many times, and keeps them open.
pub(crate) fn handles(times: &str) -> Answer {
    let open = (0..number(times)?).map(|_| evenhand_sdk::weights::open("w"));
    let open = open.collect::<Result<Vec<_>, _>>()?;
    says(&open.len().to_string())
}

/// The names of all weights, then the bytes of one from its end backwards, and behind it.
pub(crate) fn weights(name: &str) -> Answer {
    let names = evenhand_sdk::weights::names();
    let file = evenhand_sdk::weights::open(name)?;
    let end = file.read(file.size().saturating_sub(3), u32::MAX)?;
    let behind = file.read(u64::MAX, u32::MAX)?;
    says(&format!(
        "{names:?} {} {:?} {behind:?}",
        file.size(),
        String::from_utf8_lossy(&end)
    ))
}

/// What the host lets see of itself.
pub(crate) fn environment() -> Answer {
    let variables: Vec<_> = std::env::vars_os().collect();
    let arguments: Vec<_> = std::env::args_os().collect();
    says(&format!("{variables:?} {arguments:?}"))
}

/// Files that could be reached.
pub(crate) fn files() -> Answer {
    let reached = [
        ("read", std::fs::read("/etc/passwd").is_ok()),
        ("read here", std::fs::read("Cargo.toml").is_ok()),
        ("list", std::fs::read_dir("/").is_ok()),
        ("list here", std::fs::read_dir(".").is_ok()),
        ("write", std::fs::write("/tmp/misbehaving", "").is_ok()),
        ("make", std::fs::create_dir("misbehaving").is_ok()),
    ];
    says(&reached_of(&reached))
}

/// Sockets that could be opened; `address` is one that listens.
pub(crate) fn sockets(address: &str) -> Answer {
    let reached = [
        ("connect", TcpStream::connect(address).is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        (
            "datagram",
            UdpSocket::bind("127.0.0.1:0")
                .and_then(|socket| socket.send_to(b"hello", address))
                .is_ok(),
        ),
        ("resolve", "localhost:80".to_socket_addrs().is_ok()),
    ];
    says(&reached_of(&reached))
}

fn reached_of(tries: &[(&str, bool)]) -> String {
    let reached: Vec<_> = tries.iter().filter(|(_, ok)| *ok).collect();
    format!("{} reached: {reached:?}", reached.len())
}

const ANY: Requirements = Requirements {
    backend: None,
    device: None,
    task: None,
};

fn open() -> Result<accelerators::Model, Error> {
    let options = ModelOptions {
        version: None,
        device: None,
        options: Vec::new(),
    };
    accelerators::open("counter", &ANY, &options)
}

/// The names of the accelerators, and what `counter` makes of a text.
pub(crate) fn embed(text: &str) -> Answer {
    let names: Vec<_> = accelerators::list(&ANY)?
        .into_iter()
        .map(|(info, _)| info.name)
        .collect();
    let vectors = open()?.embed(&[text.to_owned()])?.vectors;
    says(&format!("{names:?} {vectors:?}"))
}

/// Passes on what `counter` generates, a batch for each of its own.
pub(crate) fn accelerate(prompt: &str) -> Answer {
    struct Counted(accelerators::Generation, bool);
    impl Generation for Counted {
        fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
            let mut events = Vec::new();
            if std::mem::take(&mut self.1) {
                events.push(Event::started(None, None));
                events.push(Event::part_started(0, PartKind::Text));
            }
            let Some(counted) = self.0.next()? else {
                return Ok(None);
            };
            for event in counted {
                match event {
                    GenerationEvent::Text(text) => events.push(Event::text(0, text)),
                    GenerationEvent::Done(_) => {
                        events.push(Event::part_ended(0, None));
                        events.push(Event::finished(FinishReason::Stop));
                    }
                }
            }
            Ok(Some(events))
        }
    }
    let sampling = Sampling {
        max_tokens: None,
        temperature: None,
        top_p: None,
        top_k: None,
        seed: None,
        stop: Vec::new(),
    };
    let generation = open()?.generate(&Prompt::Raw(prompt.into()), &sampling)?;
    Ok(Box::new(Counted(generation, true)))
}
