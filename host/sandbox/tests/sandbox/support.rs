//! A sandbox for one test, and short words for what tests ask of a plugin.

use std::path::PathBuf;
use std::sync::Arc;

use sandbox::{Compiler, Guests, Plugin, Sandbox, Secrets};
use tokio::runtime::{Builder, Runtime};
use types::Error;
use types::config::Config;
use types::neutral::{
    Content, Delta, Event, FinishReason, GenerateRequest, Message, OutputFormat, Part, Role,
    Sampling, Text,
};

/// The engines and their threads, as the binary has them.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    // Dropped last, and without waiting for a guest that spins.
    runtimes: Option<[Runtime; 3]>,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = |begin: fn()| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .on_thread_start(begin)
                .enable_all()
                .build()
                .unwrap()
        };
        let (io, fast, slow) = (runtime(|| {}), runtime(|| {}), runtime(sandbox::give_way));
        let guests = Guests {
            fast: fast.handle().clone(),
            slow: slow.handle().clone(),
        };
        let compiler = Compiler::in_process();
        let sandbox = Sandbox::new(io.handle().clone(), guests, compiler).unwrap();
        Self {
            sandbox,
            runtimes: Some([io, fast, slow]),
        }
    }

    /// Runs a test's own part, on the threads that serve clients.
    pub(crate) fn run<T>(&self, test: impl Future<Output = T>) -> T {
        let [io, ..] = self.runtimes.as_ref().unwrap();
        io.block_on(test)
    }

    /// Loads a component under an entry of the configuration, of which `text` has all but name and source.
    pub(crate) async fn load(
        &self,
        component: &str,
        name: &str,
        text: &str,
    ) -> anyhow::Result<Arc<Plugin>> {
        self.load_bytes(std::fs::read(file(component))?, name, text, &[])
            .await
    }

    pub(crate) async fn load_bytes(
        &self,
        bytes: Vec<u8>,
        name: &str,
        text: &str,
        secrets: &[(&str, &str)],
    ) -> anyhow::Result<Arc<Plugin>> {
        let entry = |name: &str, text: &str| {
            format!("[[plugin]]\nname = {name:?}\nsource = \"x.wasm\"\n{text}\n")
        };
        let mut text = entry(name, text);
        if name != "counter" {
            // The accelerator of tests, which may be granted, has to be in the configuration.
            text += &entry("counter", "grant = { keep = true }");
        }
        let entry = Config::parse(&text)?.plugins.remove(0);
        let secrets: Secrets = secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()))
            .collect();
        Ok(Arc::new(
            self.sandbox
                .load(bytes, &entry, &secrets, &Default::default())
                .await?,
        ))
    }

    /// The provider that misbehaves.
    pub(crate) async fn misbehaving(&self, text: &str) -> Arc<Plugin> {
        self.load("misbehaving", "hostile", text).await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtimes) = self.runtimes.take() {
            let ended = runtimes.into_iter().rev();
            ended.for_each(Runtime::shutdown_background);
        }
    }
}

pub(crate) fn file(component: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/test");
    let file = root.join(format!("{component}.wasm"));
    assert!(
        file.exists(),
        "{} is not there: run `cargo xtask plugins`",
        file.display()
    );
    file
}

/// A request whose model is what to do, and whose message is what with.
pub(crate) fn request(model: &str, said: &str) -> GenerateRequest {
    let text = Text {
        text: said.into(),
        citations: Vec::new(),
    };
    let part = Part {
        content: Content::Text(text),
        cache: None,
        provider_data: None,
    };
    let message = Message {
        role: Role::User,
        parts: vec![part],
        name: None,
        provider_data: None,
    };
    GenerateRequest {
        model: model.into(),
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

/// What an answer says, and how it ends.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) end: Result<(), Error>,
}

/// An answer from its beginning to its end.
pub(crate) async fn ask(plugin: &Arc<Plugin>, model: &str, said: &str) -> Said {
    let mut text = String::new();
    let mut events = match plugin.generate(request(model, said)).await {
        Ok(events) => events,
        Err(error) => {
            return Said {
                text,
                end: Err(error),
            };
        }
    };
    let mut finished = false;
    while let Some(batch) = events.next().await {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                return Said {
                    text,
                    end: Err(error),
                };
            }
        };
        for event in batch {
            match event {
                Event::PartDelta(delta) => {
                    if let Delta::Text(more) = delta.delta {
                        text += &more;
                    }
                }
                Event::Finished(end) => finished |= end.reason == FinishReason::Stop,
                _ => {}
            }
        }
    }
    assert!(finished, "it ended without `finished`, after {text:?}");
    Said { text, end: Ok(()) }
}

/// The text of an answer that works.
pub(crate) async fn says(plugin: &Arc<Plugin>, model: &str, said: &str) -> String {
    let answer = ask(plugin, model, said).await;
    answer.end.unwrap();
    answer.text
}

/// The error of one that doesn't.
pub(crate) async fn fails(plugin: &Arc<Plugin>, model: &str, said: &str) -> Error {
    ask(plugin, model, said).await.end.unwrap_err()
}

/// What is logged from now on, line by line.
pub(crate) fn logged() -> Arc<std::sync::Mutex<Vec<String>>> {
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = lines.clone();
    tracing_subscriber::fmt()
        .with_writer(move || Lines(kept.clone()))
        .init();
    lines
}

struct Lines(Arc<std::sync::Mutex<Vec<String>>>);

impl std::io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line).into_owned();
        self.0.lock().unwrap().push(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
