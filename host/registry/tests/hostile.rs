//! Registries that lie, never end, fall silent, or want more than they should get.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use registry::{LARGEST_COMPONENT, Reference, Registry, RegistryError, SigningKey, digest};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

type Answer = Arc<dyn Fn(&HeaderMap, &str) -> Response + Send + Sync>;

/// A registry that answers as a test says, by `METHOD path` below its repository, and 404 otherwise.
#[derive(Default)]
struct Fake(HashMap<String, Answer>);

impl Fake {
    fn on(
        mut self,
        what: impl Into<String>,
        answer: impl Fn(&HeaderMap, &str) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(what.into(), Arc::new(answer));
        self
    }

    /// These bytes, whoever asks.
    fn has(self, path: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.on(format!("GET {}", path.into()), move |_, _| {
            bytes.clone().into_response()
        })
    }

    /// Serves, and gives its host.
    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let answers = Arc::new(self.0);
        let router = Router::new().fallback(move |request: Request| {
            let path = request.uri().path();
            let path = path.strip_prefix("/v2/acme/x/").unwrap_or(path);
            let what = format!("{} {path}", request.method());
            let query = request.uri().query().unwrap_or_default();
            let answer = match answers.get(&what) {
                Some(answer) => answer(request.headers(), query),
                None => StatusCode::NOT_FOUND.into_response(),
            };
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }
}

/// A layer, a configuration and a manifest that fit.
struct Good {
    layer: Vec<u8>,
    config: String,
    manifest: Value,
}

fn good() -> Good {
    let layer = b"a component".to_vec();
    let config = json!({
        "created": "2026-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2",
        "layerDigests": [digest(&layer)],
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": digest(config.as_bytes()),
            "size": config.len(),
        },
        "layers": [{"mediaType": "application/wasm", "digest": digest(&layer), "size": layer.len()}],
    });
    Good {
        layer,
        config,
        manifest,
    }
}

impl Good {
    /// A registry that has all of it under the tag `1`.
    fn fake(&self) -> Fake {
        Fake::default()
            .has("manifests/1", self.manifest.to_string())
            .has(
                format!("blobs/{}", digest(self.config.as_bytes())),
                self.config.clone(),
            )
            .has(format!("blobs/{}", digest(&self.layer)), self.layer.clone())
    }
}

fn reference(host: &str, rest: &str) -> Reference {
    format!("oci://{host}/acme/x{rest}").parse().unwrap()
}

async fn pull(fake: Fake) -> Result<Vec<u8>, RegistryError> {
    let host = fake.serve().await;
    let registry = Registry::new().unwrap();
    let artifact = registry.pull(&reference(&host, ":1")).await?;
    Ok(artifact.component)
}

/// Bytes without an end, and how many were taken.
fn endless() -> (impl Fn(&HeaderMap, &str) -> Response, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counter = taken.clone();
    let answer = move |_: &HeaderMap, _: &str| {
        let counter = counter.clone();
        let chunks = stream::repeat_with(move || {
            counter.fetch_add(16 * 1024, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 16 * 1024]))
        });
        Body::from_stream(chunks).into_response()
    };
    (answer, taken)
}

/// What lies in buffers between a server and a client, at most.
const IN_FLIGHT: u64 = 32 * 1024 * 1024;

#[tokio::test]
async fn a_good_one_is_pulled() {
    assert_eq!(pull(good().fake()).await.unwrap(), b"a component");
}

#[tokio::test]
async fn a_blob_without_an_end_is_cut() {
    let good = good();
    let (answer, taken) = endless();
    let layer = format!("GET blobs/{}", digest(&good.layer));
    let error = pull(good.fake().on(layer, answer)).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::TooLarge { limit: 11, .. }),
        "{error}"
    );
    assert!(taken.load(Ordering::Relaxed) < IN_FLIGHT);
}

#[tokio::test]
async fn a_component_that_is_too_large_is_not_even_asked_for() {
    let mut good = good();
    good.manifest["layers"][0]["size"] = json!(LARGEST_COMPONENT + 1);
    let (answer, taken) = endless();
    let layer = format!("GET blobs/{}", digest(&good.layer));
    let error = pull(good.fake().on(layer, answer)).await.unwrap_err();
    assert!(
        matches!(
            error,
            RegistryError::TooLarge {
                limit: LARGEST_COMPONENT,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(taken.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn texts_without_an_end_are_cut() {
    let good = good();
    let config = digest(good.config.as_bytes());
    let host_of_token = Fake::default().on("GET /token", endless().0).serve().await;
    let asks = move |_: &HeaderMap, _: &str| ask_for_token(&host_of_token);
    for fake in [
        good.fake().on("GET manifests/1", endless().0),
        good.fake().on(format!("GET blobs/{config}"), endless().0),
        good.fake().on("GET manifests/1", asks),
    ] {
        let error = pull(fake).await.unwrap_err();
        assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    }
    let (answer, taken) = endless();
    let failing = move |headers: &HeaderMap, query: &str| {
        let mut response = answer(headers, query);
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    let error = pull(good.fake().on("GET manifests/1", failing))
        .await
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Answer { status: 500, .. }),
        "{error}"
    );
    assert!(error.to_string().len() < 1000 && taken.load(Ordering::Relaxed) < IN_FLIGHT);
}

#[tokio::test]
async fn lies_about_digests_are_found() {
    let good = good();
    let wrong = format!("sha256:{}", "0".repeat(64));
    let text = good.manifest.to_string();
    let host = good
        .fake()
        .has(format!("manifests/{wrong}"), text.clone())
        .serve()
        .await;
    let pinned = reference(&host, &format!("@{wrong}"));
    let error = Registry::new().unwrap().pull(&pinned).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::Digest { expected, .. } if *expected == wrong),
        "{error}"
    );

    let says = move |_: &HeaderMap, _: &str| {
        ([("docker-content-digest", wrong.clone())], text.clone()).into_response()
    };
    let config = digest(good.config.as_bytes());
    let other = good.config.replace("2026", "2027");
    for fake in [
        good.fake().on("GET manifests/1", says),
        good.fake().has(format!("blobs/{config}"), other),
        good.fake()
            .has(format!("blobs/{}", digest(&good.layer)), "A component"),
        // Shorter than promised.
        good.fake()
            .has(format!("blobs/{}", digest(&good.layer)), "a"),
    ] {
        let error = pull(fake).await.unwrap_err();
        assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_component_is_told_as_what_it_is() {
    let two = json!([good().manifest["layers"][0], good().manifest["layers"][0]]);
    for (place, value, said) in [
        ("/manifests", json!([]), "an index"),
        (
            "/mediaType",
            json!("application/vnd.docker.distribution.manifest.v2+json"),
            "docker",
        ),
        (
            "/config/mediaType",
            json!("application/vnd.oci.image.config.v1+json"),
            "image.config",
        ),
        ("/config/size", json!(-1), "below 0"),
        ("/layers", json!([]), "0 layers"),
        ("/layers", two, "2 layers"),
        (
            "/layers/0/mediaType",
            json!("application/vnd.oci.image.layer.v1.tar"),
            "layer.v1.tar",
        ),
        (
            "/layers/0/digest",
            json!(format!("sha512:{}", "0".repeat(128))),
            "another layer",
        ),
        ("/config/digest", json!("../../etc"), "not sha256"),
        ("/schemaVersion", json!("x"), "can't be read"),
    ] {
        let mut good = good();
        match place {
            "/manifests" => good.manifest["manifests"] = value,
            _ => *good.manifest.pointer_mut(place).unwrap() = value,
        }
        let error = pull(good.fake()).await.unwrap_err();
        assert!(
            matches!(error, RegistryError::Shape { .. }),
            "{place}: {error}"
        );
        assert!(error.to_string().contains(said), "{place}: {error}");
    }
    let nested = "[".repeat(100_000);
    for text in ["", "null", "{}", "\u{feff}{}", nested.as_str()] {
        let error = pull(Fake::default().has("manifests/1", text.to_owned()))
            .await
            .unwrap_err();
        assert!(matches!(error, RegistryError::Shape { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_module_is_no_component() {
    let mut good = good();
    good.config = good.config.replace("wasip2", "wasip1");
    good.manifest["config"]["digest"] = digest(good.config.as_bytes()).into();
    let error = pull(good.fake()).await.unwrap_err();
    assert!(error.to_string().contains("wasip1"), "{error}");
}

#[tokio::test]
async fn silence_is_not_waited_for() {
    let good = good();
    let silent = |_: &HeaderMap, _: &str| {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a "))]);
        Body::from_stream(first.chain(stream::pending())).into_response()
    };
    let layer = format!("GET blobs/{}", digest(&good.layer));
    let host = good.fake().on(layer, silent).serve().await;
    let registry = Registry::new()
        .unwrap()
        .with_idle(Duration::from_millis(300));
    let error = registry.pull(&reference(&host, ":1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooSlow { .. }), "{error}");
}

/// A manifest of signatures with this many layers, each with this payload.
fn signatures(count: usize, payload: &str) -> String {
    let layer = json!({
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "digest": digest(payload.as_bytes()),
        "size": payload.len(),
        "annotations": {"dev.cosignproject.cosign/signature": "AAAA"},
    });
    let mut manifest = good().manifest;
    manifest["layers"] = vec![layer; count].into();
    manifest.to_string()
}

#[tokio::test]
async fn signatures_are_bounded_and_their_errors_are_errors() {
    let good = good();
    let of = digest(good.manifest.to_string().as_bytes()).replace(':', "-");
    let tag = format!("manifests/{of}.sig");
    let payload = format!("blobs/{}", digest(b"p"));
    let with = |count| good.fake().has(&tag, signatures(count, "p"));
    assert!(pull(with(16).has(&payload, "p")).await.is_ok());
    let error = pull(with(17).has(&payload, "p")).await.unwrap_err();
    assert!(error.to_string().contains("16 signatures"), "{error}");
    // Whoever hides or breaks a signature does not make a component an unsigned one.
    assert!(pull(with(1)).await.is_err());
    assert!(pull(with(1).has(&payload, "q")).await.is_err());
    let broken = |_: &HeaderMap, _: &str| StatusCode::BAD_GATEWAY.into_response();
    assert!(
        pull(good.fake().on(format!("GET {tag}"), broken))
            .await
            .is_err()
    );
}

fn ask_for_token(host: &str) -> Response {
    let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"a b\"");
    (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
}

#[tokio::test]
async fn a_token_is_asked_for_and_shown() {
    let good = good();
    let tokens = Fake::default().on("GET /token", |_, query| {
        assert_eq!(query, "scope=repository%3Aacme%2Fx%3Apull&service=a+b");
        json!({"token": "sesame"}).to_string().into_response()
    });
    let host = tokens.serve().await;
    let text = good.manifest.to_string();
    let guarded = move |headers: &HeaderMap, _: &str| match headers.get("authorization") {
        Some(shown) if shown == "Bearer sesame" => text.clone().into_response(),
        _ => ask_for_token(&host),
    };
    assert!(
        pull(good.fake().on("GET manifests/1", guarded))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn strange_demands_for_credentials_are_refused() {
    let token = Fake::default().on("GET /token", |_, _| {
        json!({"token": "a\nb"}).to_string().into_response()
    });
    let host = token.serve().await;
    let good = good();
    for challenge in [
        format!("Bearer realm=\"http://{host}/token\""),
        "Bearer realm=\"http://192.0.2.1/token\"".to_owned(),
        "Bearer realm=\"file:///etc/passwd\"".to_owned(),
        "Bearer".to_owned(),
        "Bearer realm".to_owned(),
        "Basic realm=\"x\"".to_owned(),
        "\"\"\",,,=".to_owned(),
    ] {
        let asks = move |_: &HeaderMap, _: &str| {
            (
                StatusCode::UNAUTHORIZED,
                [("www-authenticate", challenge.clone())],
            )
                .into_response()
        };
        pull(good.fake().on("GET manifests/1", asks))
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn a_blob_may_be_elsewhere_but_not_over_plain_http_elsewhere() {
    let good = good();
    let elsewhere = Fake::default()
        .has("/blob", good.layer.clone())
        .serve()
        .await;
    let layer = format!("GET blobs/{}", digest(&good.layer));
    let to = |place: String| {
        let answer = move |_: &HeaderMap, _: &str| {
            (
                StatusCode::TEMPORARY_REDIRECT,
                [("location", place.clone())],
            )
                .into_response()
        };
        good.fake().on(layer.clone(), answer)
    };
    assert!(pull(to(format!("http://{elsewhere}/blob"))).await.is_ok());
    let error = pull(to("http://192.0.2.1/blob".into())).await.unwrap_err();
    assert!(error.to_string().contains("plain HTTP"), "{error}");
    let error = pull(to(format!("/v2/acme/x/blobs/{}", digest(&good.layer))))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
}

#[tokio::test]
async fn an_upload_goes_to_the_registry_that_was_named() {
    let thief = Fake::default().serve().await;
    let good = good();
    for (place, said) in [
        (format!("http://{thief}/steal"), "another host"),
        ("https://192.0.2.1/steal".to_owned(), "another host"),
        ("http://[".to_owned(), "names no place"),
    ] {
        let begin = move |_: &HeaderMap, _: &str| {
            (StatusCode::ACCEPTED, [("location", place.clone())]).into_response()
        };
        let pinned = digest(good.manifest.to_string().as_bytes());
        let fake = good
            .fake()
            .has(format!("manifests/{pinned}"), good.manifest.to_string());
        let host = fake.on("POST blobs/uploads/", begin).serve().await;
        let reference = reference(&host, &format!("@{pinned}"));
        let error = Registry::new()
            .unwrap()
            .sign(&reference, &SigningKey::generate())
            .await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
