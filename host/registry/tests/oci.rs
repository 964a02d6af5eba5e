//! Against a real registry: Debian's `docker-registry`, on loopback.

use std::fs;
use std::process::Command;

use manifest::Manifest;
use registry::{
    Reference, Registry, RegistryError, Signature, SigningKey, Trust, Untrusted, digest,
};
use test_registry::TestRegistry;

const NAME: &str = "acme/weather";

/// A component that says that it is `acme/weather` of this version.
fn component(version: &str) -> Vec<u8> {
    let json = format!(
        r#"{{"name": "{NAME}", "version": "{version}", "licence": "MIT", "description": "Tells the weather", "homepage": "https://acme.example"}}"#
    );
    let manifest = Manifest::parse(json.as_bytes()).unwrap();
    manifest::embed(wat::parse_str("(component)").unwrap(), &manifest).unwrap()
}

fn at(server: &TestRegistry, rest: &str) -> Reference {
    format!("oci://{}/{NAME}{rest}", server.host())
        .parse()
        .unwrap()
}

fn client() -> Registry {
    Registry::new().unwrap()
}

fn trust(key: &SigningKey) -> Trust {
    Trust::new(vec![(key.public(), vec!["acme/*".into()])]).unwrap()
}

/// What a registry answers to a plain request.
async fn get(server: &TestRegistry, path: &str) -> serde_json::Value {
    let url = format!("http://{}/v2/{NAME}/{path}", server.host());
    let request = reqwest::Client::new().get(url);
    let request = request.header("accept", "application/vnd.oci.image.manifest.v1+json");
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_by_digest_and_by_both() {
    let server = TestRegistry::start();
    let bytes = component("1.0.0");
    let pinned = client()
        .push(&at(&server, ":1.0.0"), bytes.clone())
        .await
        .unwrap();
    let digest = pinned.digest().unwrap();
    assert_eq!(pinned, at(&server, &format!(":1.0.0@{digest}")));
    for rest in [
        ":1.0.0".to_owned(),
        format!("@{digest}"),
        format!(":1.0.0@{digest}"),
    ] {
        let artifact = client().pull(&at(&server, &rest)).await.unwrap();
        assert_eq!(artifact.component, bytes);
        assert_eq!(artifact.digest, digest);
        assert_eq!(artifact.signatures, []);
    }
    assert_eq!(
        client().resolve(&at(&server, ":1.0.0")).await.unwrap(),
        pinned
    );
    // A digest is what it was, wherever the tag leads.
    let other = client()
        .push(&at(&server, ":1.0.0"), component("1.0.1"))
        .await
        .unwrap();
    assert_ne!(other, pinned);
    assert_eq!(client().pull(&pinned).await.unwrap().component, bytes);
    assert_eq!(
        client()
            .pull(&at(&server, ":1.0.0"))
            .await
            .unwrap()
            .component,
        component("1.0.1")
    );
}

#[tokio::test]
async fn the_layout_is_the_cncfs() {
    let server = TestRegistry::start();
    let bytes = component("1.0.0");
    let pinned = client()
        .push(&at(&server, ":1.0.0"), bytes.clone())
        .await
        .unwrap();
    let manifest = get(&server, &format!("manifests/{}", pinned.digest().unwrap())).await;
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], digest(&bytes));
    assert_eq!(manifest["layers"][0]["size"], bytes.len());
    let about = &manifest["annotations"];
    for (key, value) in [
        ("title", NAME),
        ("version", "1.0.0"),
        ("licenses", "MIT"),
        ("url", "https://acme.example"),
        ("description", "Tells the weather"),
    ] {
        assert_eq!(about[format!("org.opencontainers.image.{key}")], value);
    }
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config = get(&server, &format!("blobs/{config}")).await;
    assert_eq!(config["architecture"], "wasm");
    assert_eq!(config["os"], "wasip2");
    assert_eq!(config["layerDigests"][0], digest(&bytes));
}

#[tokio::test]
async fn a_component_without_a_manifest_is_not_pushed() {
    let server = TestRegistry::start();
    let bare = wat::parse_str("(component)").unwrap();
    let error = client().push(&at(&server, ":1"), bare).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::Manifest(_)) && error.to_string().contains("evenhand build")
    );
    let pinned = at(&server, &format!("@{}", digest(b"x")));
    let error = client()
        .push(&pinned, component("1.0.0"))
        .await
        .unwrap_err();
    assert!(matches!(error, RegistryError::Reference { .. }), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = TestRegistry::start();
    let error = client().pull(&at(&server, ":1.0.0")).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotFound(_)), "{error}");
    client()
        .push(&at(&server, ":1.0.0"), component("1.0.0"))
        .await
        .unwrap();
    for rest in [":2.0.0".to_owned(), format!(":1.0.0@{}", digest(b"x"))] {
        let error = client().pull(&at(&server, &rest)).await.unwrap_err();
        assert!(error.to_string().contains(&rest), "{error}");
        assert!(matches!(error, RegistryError::NotFound(_)), "{error}");
    }
}

#[tokio::test]
async fn a_registry_that_is_down_is_said_to_be() {
    let mut server = TestRegistry::start();
    let pinned = client()
        .push(&at(&server, ":1.0.0"), component("1.0.0"))
        .await
        .unwrap();
    server.stop();
    for result in [
        client().pull(&pinned).await.map(|_| ()),
        client().sign(&pinned, &SigningKey::generate()).await,
        client()
            .push(&at(&server, ":2"), component("2.0.0"))
            .await
            .map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, RegistryError::Unreachable { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(server.host()), "{error}");
    }
}

#[tokio::test]
async fn a_tampered_layer_is_not_used() {
    let server = TestRegistry::start();
    let bytes = component("1.0.0");
    let pinned = client()
        .push(&at(&server, ":1.0.0"), bytes.clone())
        .await
        .unwrap();
    let mut tampered = bytes.clone();
    *tampered.last_mut().unwrap() ^= 1;
    fs::write(server.blob(&digest(&bytes)), tampered).unwrap();
    let error = client().pull(&pinned).await.unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    assert!(error.to_string().contains(&digest(&bytes)), "{error}");
    // Longer than its descriptor says: no more of it is read.
    fs::write(server.blob(&digest(&bytes)), [bytes, vec![0; 99]].concat()).unwrap();
    let error = client().pull(&pinned).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_tampered_manifest_is_not_used() {
    let server = TestRegistry::start();
    let pinned = client()
        .push(&at(&server, ":1.0.0"), component("1.0.0"))
        .await
        .unwrap();
    let file = server.blob(pinned.digest().unwrap());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("Tells the weather", "Sells the weather"),
    )
    .unwrap();
    for rest in [
        ":1.0.0".to_owned(),
        format!("@{}", pinned.digest().unwrap()),
    ] {
        // The registry may notice before we do.
        client().pull(&at(&server, &rest)).await.unwrap_err();
    }
}

#[tokio::test]
async fn signatures_are_kept_and_count_for_those_who_made_them() {
    let server = TestRegistry::start();
    let bytes = component("1.0.0");
    let pinned = client()
        .push(&at(&server, ":1.0.0"), bytes.clone())
        .await
        .unwrap();
    let (first, second) = (SigningKey::generate(), SigningKey::generate());
    for key in [&first, &second, &first] {
        client().sign(&pinned, key).await.unwrap();
    }
    let artifact = client().pull(&at(&server, ":1.0.0")).await.unwrap();
    // Who signed already does not sign again.
    assert_eq!(artifact.signatures.len(), 2);
    let name = NAME.parse().unwrap();
    let check = |trust: &Trust| {
        let digest = Some(artifact.digest.as_str());
        trust.check(
            Some(&name),
            &artifact.component,
            digest,
            &artifact.signatures,
        )
    };
    for key in [&first, &second] {
        assert_eq!(
            check(&trust(key)).unwrap().fingerprint,
            key.public().fingerprint()
        );
    }
    let wrong = check(&trust(&SigningKey::generate())).unwrap_err();
    assert!(matches!(wrong, Untrusted::ByNobody { .. }), "{wrong}");
}

#[tokio::test]
async fn openssl_verifies_what_lies_in_the_registry() {
    let server = TestRegistry::start();
    let pinned = client()
        .push(&at(&server, ":1.0.0"), component("1.0.0"))
        .await
        .unwrap();
    let key = SigningKey::from_pem(include_str!("keys/pkcs8.key"), None).unwrap();
    client().sign(&pinned, &key).await.unwrap();
    let hex = pinned.digest().unwrap().replace(':', "-");
    let manifest = get(&server, &format!("manifests/{hex}.sig")).await;
    let layer = &manifest["layers"][0];
    assert_eq!(
        layer["mediaType"],
        "application/vnd.dev.cosign.simplesigning.v1+json"
    );
    let payload = server.blob(layer["digest"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (text, der) = (folder.path().join("text"), folder.path().join("der"));
    let signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
        .as_str()
        .unwrap();
    fs::write(&text, format!("{signature}\n")).unwrap();
    let openssl = |args: &[&str], files: &[&std::path::Path]| {
        let status = Command::new("openssl").args(args).args(files).status();
        assert!(status.unwrap().success());
    };
    openssl(
        &["base64", "-d", "-A", "-in"],
        &[&text, "-out".as_ref(), &der],
    );
    openssl(
        &[
            "dgst",
            "-sha256",
            "-verify",
            "tests/keys/openssl.pub",
            "-signature",
        ],
        &[&der, &payload],
    );
    let payload: serde_json::Value = serde_json::from_slice(&fs::read(payload).unwrap()).unwrap();
    let critical = &payload["critical"];
    assert_eq!(
        critical["image"]["docker-manifest-digest"],
        pinned.digest().unwrap()
    );
    assert_eq!(critical["type"], "cosign container image signature");
    let named = critical["identity"]["docker-reference"].as_str().unwrap();
    assert_eq!(named, format!("{}/{NAME}", server.host()));
}

#[tokio::test]
async fn a_signature_of_another_artifact_does_not_count() {
    let server = TestRegistry::start();
    let key = SigningKey::generate();
    let signed = client()
        .push(&at(&server, ":1.0.0"), component("1.0.0"))
        .await
        .unwrap();
    client().sign(&signed, &key).await.unwrap();
    let other = client()
        .push(&at(&server, ":6.6.6"), component("6.6.6"))
        .await
        .unwrap();
    // Somebody who may push copies the signatures over.
    let tag =
        |reference: &Reference| format!("{}.sig", reference.digest().unwrap().replace(':', "-"));
    let manifest = get(&server, &format!("manifests/{}", tag(&signed))).await;
    let url = format!(
        "http://{}/v2/{NAME}/manifests/{}",
        server.host(),
        tag(&other)
    );
    let put = reqwest::Client::new().put(url).body(manifest.to_string());
    let put = put.header("content-type", "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(put.send().await.unwrap().status().as_u16(), 201);
    let artifact = client().pull(&other).await.unwrap();
    assert!(matches!(
        artifact.signatures.as_slice(),
        [Signature::Image { .. }]
    ));
    let name = NAME.parse().unwrap();
    let result = trust(&key).check(
        Some(&name),
        &artifact.component,
        Some(&artifact.digest),
        &artifact.signatures,
    );
    let error = result.unwrap_err().to_string();
    assert!(error.contains(signed.digest().unwrap()), "{error}");
}

#[tokio::test]
async fn only_what_is_there_and_pinned_is_signed() {
    let server = TestRegistry::start();
    let key = SigningKey::generate();
    let error = client()
        .sign(&at(&server, ":1.0.0"), &key)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("digest"), "{error}");
    let nowhere = at(&server, &format!("@{}", digest(b"x")));
    let error = client().sign(&nowhere, &key).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotFound(_)), "{error}");
}
