//! Components that use all of the contract: as they are built now, and as they were built for each version that was published.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::future::BoxFuture;
use sandbox::{Behind, Body, Link, Plugin, Secrets};
use serde_json::json;
use store::Store;
use types::config::{Config, Sample};
use types::neutral::{
    Content, Delta, EmbedInput, EmbedRequest, Event, FinishReason, NativeRequest, PartKind,
};
use types::tool::{
    Elicited, NoticeLevel, Reference, ResourceData, SampleRequest, Sampled, ToolContent,
};
use types::{Error, ErrorCode};

use crate::outside::SECRET;
use crate::support::{World, fails, file, request, says};
use crate::vendor::Vendor;

/// Folders with a `contract-KIND.wasm` of each kind.
fn folders() -> Vec<PathBuf> {
    let built = file("contract-provider").parent().unwrap().to_owned();
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract");
    let mut folders = vec![built];
    for version in sandbox::contracts() {
        let folder = published.join(version.to_string());
        assert!(
            folder.is_dir(),
            "{version} is taken and not kept: cargo xtask contract"
        );
        folders.push(folder);
    }
    folders
}

/// Every version that is kept is taken.
#[test]
fn no_published_version_is_forgotten() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract");
    for entry in std::fs::read_dir(published).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().join("wit").is_dir() {
            let taken = sandbox::contracts().iter().map(ToString::to_string);
            assert!(taken.into_iter().any(|version| version == name), "{name}");
        }
    }
    assert_eq!(sandbox::contracts().last(), Some(&manifest::CONTRACT));
}

/// Loads one of a folder under its kind's name. `text`: what its entry has beside name and source.
async fn load(
    world: &World,
    folder: &Path,
    kind: &str,
    text: &str,
    databases: &[(&str, String)],
) -> Arc<Plugin> {
    let bytes = std::fs::read(folder.join(format!("contract-{kind}.wasm"))).unwrap();
    let mut config = format!(
        "[[plugin]]\nname = \"{kind}\"\nsource = \"x.wasm\"\n{text}\n[store]\nurl = \"sqlite://x\"\n"
    );
    if kind != "accelerator" {
        config += "[[plugin]]\nname = \"whole\"\nsource = \"x.wasm\"\ngrant = { keep = true }\n";
    }
    let mut entry = Config::parse(&config).unwrap().plugins.remove(0);
    if kind == "accelerator" {
        entry.name = "whole".into();
    }
    let secrets: Secrets = entry
        .grant
        .secrets
        .keys()
        .map(|name| (name.clone(), SECRET.to_owned().into()))
        .collect();
    let databases = databases
        .iter()
        .map(|(name, url)| ((*name).to_owned(), url.clone().into()));
    let plugin = world
        .sandbox
        .load(bytes, &entry, &secrets, &databases.collect())
        .await;
    Arc::new(plugin.unwrap_or_else(|error| panic!("{}: {kind}: {error:#}", folder.display())))
}

#[test]
fn providers_and_accelerators_of_each_version_do_all_that_they_could() {
    let world = World::new();
    world.run(async {
        for folder in folders() {
            let vendor = Vendor::start().await;
            let origin = vendor.origin();
            let temp = tempfile::tempdir().unwrap();
            let weights = temp.path().join("w");
            std::fs::write(&weights, "0123456").unwrap();
            let accelerator = load(
                &world,
                &folder,
                "accelerator",
                "grant = { keep = true }",
                &[],
            )
            .await;
            world.sandbox.publish([&*accelerator].into_iter());
            let text = format!(
                r#"config = {{ vendor = "{origin}" }}
                [plugin.grant]
                egress = ["GET {origin}/*", "POST {origin}/*"]
                accelerators = ["whole"]
                [plugin.grant.weights]
                w = {weights:?}
                [plugin.grant.secrets]
                key = {{ env = "X", as = "bearer", to = ["{origin}"] }}"#
            );
            let provider = load(&world, &folder, "provider", &text, &[]).await;
            assert_eq!(provider.dialects(), ["openai-chat"]);
            let models = provider.models().await.unwrap();
            assert_eq!((models.len(), models[0].max_output_tokens), (1, Some(3)));
            assert_eq!(says(&provider, "weights", "").await, "w 7 123");
            assert_eq!(says(&provider, "send", "").await, "200 200 true ok");
            assert_eq!(
                says(&provider, "accelerators", "").await,
                "whole/1/1 reverser out=dcba [4.0, 0.0] 231 one;two;1"
            );
            echoes(&provider).await;
            let error = fails(&provider, "another", "").await;
            assert_eq!(error.code, ErrorCode::RateLimited);
            assert!(error.message.contains("no another"), "{error}");
            embeds(&provider).await;
            forwards(&provider, &vendor).await;
        }
    });
}

/// Every kind of event comes through.
async fn echoes(provider: &Arc<Plugin>) {
    let mut events = provider.generate(request("echo", "said")).await.unwrap();
    let mut all = Vec::new();
    while let Some(batch) = events.next().await {
        all.extend(batch.unwrap());
    }
    let has = |what: &dyn Fn(&Event) -> bool| assert!(all.iter().any(what), "{all:?}");
    has(&|event| matches!(event, Event::Started(begun) if begun.model.as_deref() == Some("echo")));
    has(&|event| matches!(event, Event::Warning(warning) if warning.field == "sampling.seed"));
    has(
        &|event| matches!(event, Event::PartStarted(part) if matches!(&part.kind, PartKind::ToolCall(call) if call.id == "call")),
    );
    has(
        &|event| matches!(event, Event::PartDelta(part) if matches!(&part.delta, Delta::Logprobs(all) if all[0].top.len() == 1)),
    );
    has(&|event| matches!(event, Event::PartEnded(part) if part.provider_data.is_some()));
    has(
        &|event| matches!(event, Event::Part(whole) if matches!(&whole.part.content, Content::Text(text) if text.text == "said")),
    );
    has(&|event| matches!(event, Event::Usage(usage) if usage.output_audio_tokens == Some(8)));
    has(
        &|event| matches!(event, Event::Finished(end) if end.reason == FinishReason::Other("echoed".into())),
    );
}

async fn embeds(provider: &Arc<Plugin>) {
    for (input, many) in [
        (EmbedInput::Texts(vec!["four".into()]), 4.0),
        (EmbedInput::Tokens(vec![vec![1, 2]]), 2.0),
    ] {
        let wanted = EmbedRequest {
            model: "m".into(),
            input,
            dimensions: Some(2),
            user: Some("ada".into()),
            extensions: Vec::new(),
        };
        let answer = provider.embed(wanted).await.unwrap();
        assert_eq!(answer.vectors, [[many, many]]);
        assert_eq!(answer.usage.input_tokens, Some(1));
        assert_eq!(answer.warnings[0].message, "ada");
    }
    let count = provider.count_tokens(request("m", "x")).await.unwrap();
    assert_eq!((count.input_tokens, count.approximate), (1, true));
}

async fn forwards(provider: &Arc<Plugin>, vendor: &Vendor) {
    let native = NativeRequest {
        dialect: "openai-chat".into(),
        model: "m".into(),
        stream: true,
        headers: vec![("x-field".into(), "1".into())],
        query: Some("a=b".into()),
    };
    let body = Body::from_bytes("as it came".into());
    let mut answer = provider.forward(native, body).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "ok");
    let seen = vendor.last().0.unwrap();
    assert_eq!(
        (
            seen.method.as_str(),
            seen.target.as_str(),
            seen.body.as_str()
        ),
        ("POST", "/streamed/openai-chat/m?a=b", "as it came")
    );
    assert_eq!(
        seen.header("authorization"),
        Some(&*format!("Bearer {SECRET}"))
    );
    assert_eq!(seen.header("x-field"), Some("1"));
}

/// A client that says yes, and remembers what it was told.
#[derive(Default)]
struct Client(Mutex<Vec<String>>);

impl Client {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Link for Client {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>) {
        self.note(format!("{done} {total:?} {message:?}"));
    }

    fn notify(&self, level: NoticeLevel, logger: Option<String>, data: String) {
        self.note(format!("{level:?} {logger:?} {data}"));
    }

    fn elicit(&self, message: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        self.note(message);
        Box::pin(async { Ok(Elicited::Accepted("{}".into())) })
    }

    fn sample<'a>(
        &'a self,
        _: &'a Sample,
        mut request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        self.note(format!("{:?} {}", request.system, request.max_tokens));
        let message = request.messages.remove(0);
        Box::pin(async move {
            Ok(Sampled {
                message,
                model: "m".into(),
                stop_reason: Some("endTurn".into()),
            })
        })
    }
}

#[test]
fn tools_of_each_version_do_all_that_they_could() {
    let mut world = World::new();
    let temp = tempfile::tempdir().unwrap();
    for (at, folder) in folders().into_iter().enumerate() {
        // Values of its own for each.
        let path = temp.path().join(format!("{at}.db"));
        let store = world
            .run(Store::open(&format!("sqlite://{}", path.display())))
            .unwrap();
        world.sandbox = world.sandbox.clone().with_store(Some(store));
        world.run(async {
            let vendor = Vendor::start().await;
            let origin = vendor.origin();
            let text = format!(
                r#"config = {{ vendor = "{origin}/tool" }}
                [plugin.grant]
                egress = ["POST {origin}/tool"]
                elicit = true
                state = true
                sample = {{ client = true }}
                kv = {{ all = "shared" }}
                sql = {{ db = {{ url = "sqlite://x" }} }}
                [plugin.grant.secrets]
                key = {{ env = "X", as = "bearer", to = ["{origin}"] }}"#
            );
            let database = temp.path().join("empty.db");
            std::fs::write(&database, "").unwrap();
            let database = ("db", format!("sqlite://{}", database.display()));
            let tools = load(&world, &folder, "tools", &text, &[database]).await;
            offers(&tools).await;
            works(&tools).await;
            let seen = vendor.last().0.unwrap();
            assert_eq!(
                seen.header("authorization"),
                Some(&*format!("Bearer {SECRET}"))
            );
        });
    }
}

async fn offers(tools: &Arc<Plugin>) {
    let nobody = Behind::nobody;
    let listed = tools.tools(nobody()).await.unwrap();
    assert_eq!(listed.len(), 6);
    assert!(listed[0].read_only && listed[0].output_schema.is_some());
    for templates in [false, true] {
        let resources = tools.resources(templates, nobody()).await.unwrap();
        assert_eq!(resources[0].uri == "whole://{letter}", templates);
    }
    let read = tools
        .read_resource("whole://b".into(), nobody())
        .await
        .unwrap();
    assert_eq!(read[0].uri, "whole://b");
    assert_eq!(read[1].data, ResourceData::Bytes(vec![0, 255]));
    let prompts = tools.prompts(nobody()).await.unwrap();
    assert!(prompts[0].arguments[0].required);
    let filled = tools.prompt(
        "greet".into(),
        vec![("whom".into(), "Ada".into())],
        nobody(),
    );
    let filled = filled.await.unwrap();
    assert_eq!(
        filled.messages[0].content,
        ToolContent::Text("greet whom=Ada".into())
    );
    for of in [
        Reference::Prompt("p".into()),
        Reference::Resource("p".into()),
    ] {
        let others = vec![("x".into(), "y".into())];
        let values = tools.complete(of, "whom".into(), "A".into(), others, nobody());
        assert_eq!(values.await.unwrap(), ["A of p whom 1"]);
    }
}

async fn works(tools: &Arc<Plugin>) {
    let client = Arc::<Client>::default();
    let behind = Behind {
        owner: "key".into(),
        session: "session".into(),
        link: client.clone(),
    };
    let call = async |name: &str, arguments: serde_json::Value| {
        let behind = behind.clone();
        tools
            .call_tool("id".into(), name.into(), arguments.to_string(), behind)
            .await
    };
    let contents = call("contents", json!({ "a": 1 })).await.unwrap();
    assert_eq!(contents.structured.as_deref(), Some(r#"{"a":1}"#));
    assert!(contents.is_error);
    assert!(matches!(
        &contents.content[..],
        [
            ToolContent::Text(id),
            ToolContent::Image(_),
            ToolContent::Audio(_),
            ToolContent::Link(_),
            ToolContent::Resource(_)
        ] if id == "id"
    ));
    for (name, said) in [
        ("client", "{} hello m endTurn"),
        ("keep", "false note bc a [true, false]"),
        ("query", r#"db sqlite false ab ["x",2] 0 false"#),
        ("send", "200 ok"),
    ] {
        let result = call(name, json!({})).await.unwrap();
        assert_eq!(result.content, [ToolContent::Text(said.into())], "{name}");
    }
    assert_eq!(
        *client.0.lock().unwrap(),
        [
            r#"1 Some(2.0) Some("half")"#,
            r#"Critical Some("whole") {"is":"noted"}"#,
            "Yes?",
            r#"Some("be short") 5"#
        ]
    );
    let error = call("fail", json!({})).await.unwrap_err();
    assert_eq!(
        (error.code, error.param.as_deref()),
        (ErrorCode::BadRequest, Some("name"))
    );
}
