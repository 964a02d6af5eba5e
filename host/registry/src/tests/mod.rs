mod keys;
mod trust;

use std::fs;
use std::process::Command;

use manifest::Name;
use proptest::prelude::*;

use super::*;
use crate::signature::{Payload, decode};

const PKCS8: &str = include_str!("../../tests/keys/pkcs8.key");
const SEC1: &str = include_str!("../../tests/keys/sec1.key");
const PUBLIC: &str = include_str!("../../tests/keys/openssl.pub");
const COSIGN: &str = include_str!("../../tests/keys/cosign.key");

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn key() -> SigningKey {
    SigningKey::from_pem(PKCS8, None).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn a_reference_is_read_and_shown() {
    let pinned = format!("oci://registry.example/acme/weather:1.2.0@{DIGEST}");
    for text in [
        "oci://registry.example/acme/weather:1.2.0",
        "oci://localhost/weather:latest",
        "oci://127.0.0.1:5000/acme/weather:1",
        &format!("oci://registry.example/weather@{DIGEST}"),
        &pinned,
    ] {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
    }
    let reference: Reference = "oci://registry.example/acme/weather:1.2.0".parse().unwrap();
    assert_eq!(reference.host(), "registry.example");
    assert_eq!(reference.repository(), "acme/weather");
    assert_eq!((reference.tag(), reference.digest()), (Some("1.2.0"), None));
    let with = reference.with_digest(DIGEST).unwrap();
    assert_eq!(with.to_string(), pinned);
    assert_eq!(with.wanted(), DIGEST);
    assert!(reference.with_digest("latest").is_err());
}

#[test]
fn a_wrong_reference_says_what_is_wrong() {
    let upper = DIGEST.to_uppercase().replace("SHA256", "sha256");
    for (text, said) in [
        (
            "registry.example/acme/weather:1",
            "does not begin with oci://",
        ),
        ("oci://weather:1", "names no repository"),
        ("oci://acme/weather:1", "first part is no host"),
        (
            "oci://registry.example/acme/weather",
            "neither a tag nor a digest",
        ),
        (
            "oci://registry.example/Acme/weather:1",
            "invalid reference format",
        ),
        (
            "oci://user:pass@registry.example/acme/weather:1",
            "invalid reference format",
        ),
        (
            "oci://registry.example/acme/../weather:1",
            "invalid reference format",
        ),
        (
            "oci://registry.example/weather@sha256:abc",
            "invalid reference format",
        ),
        (
            &format!("oci://registry.example/weather@{upper}"),
            "small hexadecimal",
        ),
        (
            &format!("oci://registry.example/weather@sha512:{}", "a".repeat(128)),
            "is not sha256",
        ),
    ] {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn only_this_machine_is_spoken_to_in_plain() {
    let is = |host: &str| {
        let reference: Reference = format!("oci://{host}/x/y:1").parse().unwrap();
        reference.is_loopback()
    };
    assert!(is("localhost:5000") && is("127.0.0.1:5000") && is("127.9.9.9"));
    assert!(!is("localhost.example") && !is("128.0.0.1") && !is("10.0.0.1:5000"));
}

/// Runs openssl in the crate's folder.
fn openssl(args: &[&str]) -> Vec<u8> {
    let out = Command::new("openssl").args(args).output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

/// Does openssl find this signature of the fixture's key good?
fn openssl_verifies(signed: &[u8], signature: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (file, sig) = (folder.path().join("file"), folder.path().join("sig"));
    fs::write(&file, signed).unwrap();
    fs::write(&sig, signature).unwrap();
    let mut command = Command::new("openssl");
    command.args([
        "dgst",
        "-sha256",
        "-verify",
        "tests/keys/openssl.pub",
        "-signature",
    ]);
    command
        .arg(&sig)
        .arg(&file)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn openssl_verifies_what_we_sign() {
    let signature = decode(sign_blob(b"a component", &key()).as_bytes()).unwrap();
    assert!(openssl_verifies(b"a component", &signature));
    assert!(!openssl_verifies(b"a c0mponent", &signature));
    let reference: Reference = "oci://registry.example/acme/weather:1".parse().unwrap();
    let payload = serde_json::to_vec(&Payload::of(&reference, DIGEST)).unwrap();
    assert!(openssl_verifies(&payload, &key().sign(&payload)));
}

#[test]
fn we_verify_what_openssl_signs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    fs::write(&file, "a component").unwrap();
    let signature = openssl(&[
        "dgst",
        "-sha256",
        "-sign",
        "tests/keys/sec1.key",
        file.to_str().unwrap(),
    ]);
    assert!(key().public().verifies(b"a component", &signature));
    fs::write(folder.path().join("der"), &signature).unwrap();
    // openssl breaks its lines of base64.
    let lines = openssl(&["base64", "-in", folder.path().join("der").to_str().unwrap()]);
    fs::write(folder.path().join("x.wasm.sig"), lines).unwrap();
    assert_eq!(beside(&file).unwrap(), [Signature::Blob { signature }]);
}

#[test]
fn the_payload_is_cosigns() {
    let reference: Reference = "oci://registry.example/acme/weather:1".parse().unwrap();
    let payload = serde_json::to_string(&Payload::of(&reference, DIGEST)).unwrap();
    assert_eq!(
        payload,
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"registry.example/acme/weather"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"cosign container image signature"}},"optional":null}}"#
        )
    );
}

#[test]
fn a_file_beside_a_component_is_its_signature() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    assert_eq!(beside(&file).unwrap(), []);
    let sig = folder.path().join("x.wasm.sig");
    fs::write(&sig, sign_blob(b"bytes", &key())).unwrap();
    let signatures = beside(&file).unwrap();
    let trust = trust(&["acme/*"]);
    let signer = trust
        .check(Some(&name("acme/x")), b"bytes", None, &signatures)
        .unwrap();
    assert_eq!(signer.fingerprint, key().public().fingerprint());
    for wrong in ["", "not base64!", &"A".repeat(4096)] {
        fs::write(&sig, wrong).unwrap();
        let error = beside(&file).unwrap_err().to_string();
        assert!(error.contains("x.wasm.sig"), "{error}");
    }
}

fn trust(rules: &[&str]) -> Trust {
    let rules = rules.iter().map(|rule| rule.to_string()).collect();
    Trust::new(vec![(key().public(), rules)]).unwrap()
}

fn blob(bytes: &[u8], key: &SigningKey) -> Signature {
    let signature = key.sign(bytes);
    Signature::Blob { signature }
}

fn image(digest: &str, key: &SigningKey) -> Signature {
    let reference: Reference = "oci://registry.example/acme/weather:1".parse().unwrap();
    let payload = serde_json::to_vec(&Payload::of(&reference, digest)).unwrap();
    let signature = key.sign(&payload);
    Signature::Image { payload, signature }
}

proptest! {
    #[test]
    fn a_changed_signature_never_counts(
        place in 0usize..400, bit in 0u8..8, what in 0u8..3, cut in 0usize..400,
    ) {
        let trust = trust(&["acme/*"]);
        let acme = name("acme/weather");
        let mut component = b"the bytes of a component".to_vec();
        let mut signature = image(DIGEST, &key());
        let Signature::Image { payload, signature: der } = &mut signature else { unreachable!() };
        // A bit of the payload, of the signature, or of the bytes under a file's.
        let flip = |bytes: &mut Vec<u8>| { let at = place % bytes.len(); bytes[at] ^= 1 << bit };
        match what {
            0 => flip(payload),
            1 => flip(der),
            _ => { der.truncate(cut % der.len()); }
        }
        prop_assert!(trust.check(Some(&acme), &component, Some(DIGEST), &[signature]).is_err());
        let signed = blob(&component, &key());
        flip(&mut component);
        prop_assert!(trust.check(Some(&acme), &component, None, &[signed]).is_err());
    }

    #[test]
    fn no_text_panics(text: String, bytes: Vec<u8>) {
        let _ = text.parse::<Reference>();
        let _ = format!("oci://{text}").parse::<Reference>();
        let _ = text.parse::<NameRule>();
        let _ = (PublicKey::from_pem(&text), SigningKey::from_pem(&text, Some(b"")));
        let _ = (decode(&bytes), Payload::digest(&bytes));
        prop_assert!(!key().public().verifies(b"x", &bytes));
        for label in ["PUBLIC KEY", "PRIVATE KEY", "EC PRIVATE KEY", encrypted::LABEL] {
            let block = pem::encode(&pem::Pem::new(label, bytes.clone()));
            prop_assert!(PublicKey::from_pem(&block).is_err() && SigningKey::from_pem(&block, Some(b"")).is_err());
        }
    }

    #[test]
    fn a_changed_public_key_verifies_nothing(place in 0usize..91, bit in 0u8..8) {
        let mut der = pem::parse(PUBLIC).unwrap().into_contents();
        prop_assert_eq!(der.len(), 91);
        der[place] ^= 1 << bit;
        if let Ok(changed) = PublicKey::from_pem(&pem::encode(&pem::Pem::new("PUBLIC KEY", der))) {
            prop_assert!(!changed.verifies(b"x", &key().sign(b"x")));
        }
    }
}
