use std::fs;
use std::process::Command;

use manifest::Name;
use proptest::prelude::*;

use super::*;
use crate::signature::{Payload, decode};

const PKCS8: &str = include_str!("../tests/keys/pkcs8.key");
const SEC1: &str = include_str!("../tests/keys/sec1.key");
const PUBLIC: &str = include_str!("../tests/keys/openssl.pub");
const COSIGN: &str = include_str!("../tests/keys/cosign.key");

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn key() -> SigningKey {
    SigningKey::from_pem(PKCS8, None).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn a_reference_is_read_and_shown() {
    let pinned = format!("oci://ghcr.example/acme/weather:1.2.0@{DIGEST}");
    for text in [
        "oci://ghcr.example/acme/weather:1.2.0",
        "oci://localhost/weather:latest",
        "oci://127.0.0.1:5000/acme/weather:1",
        &format!("oci://ghcr.example/weather@{DIGEST}"),
        &pinned,
    ] {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
    }
    let reference: Reference = "oci://ghcr.example/acme/weather:1.2.0".parse().unwrap();
    assert_eq!(reference.host(), "ghcr.example");
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
        ("ghcr.example/acme/weather:1", "does not begin with oci://"),
        ("oci://weather:1", "names no repository"),
        ("oci://acme/weather:1", "first part is no host"),
        (
            "oci://ghcr.example/acme/weather",
            "neither a tag nor a digest",
        ),
        (
            "oci://ghcr.example/Acme/weather:1",
            "invalid reference format",
        ),
        (
            "oci://user:pass@ghcr.example/acme/weather:1",
            "invalid reference format",
        ),
        (
            "oci://ghcr.example/acme/../weather:1",
            "invalid reference format",
        ),
        (
            "oci://ghcr.example/weather@sha256:abc",
            "invalid reference format",
        ),
        (
            &format!("oci://ghcr.example/weather@{upper}"),
            "small hexadecimal",
        ),
        (
            &format!("oci://ghcr.example/weather@sha512:{}", "a".repeat(128)),
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

#[test]
fn keys_of_openssl_are_read_in_both_forms() {
    let public = PublicKey::from_pem(PUBLIC).unwrap();
    for text in [PKCS8, SEC1] {
        assert_eq!(SigningKey::from_pem(text, None).unwrap().public(), public);
    }
    assert_eq!(public.to_pem().unwrap(), PUBLIC);
    let der = openssl(&[
        "pkey",
        "-pubin",
        "-in",
        "tests/keys/openssl.pub",
        "-outform",
        "DER",
    ]);
    assert_eq!(format!("sha256:{}", public.fingerprint()), digest(&der));
}

#[test]
fn other_keys_are_refused_with_a_reason() {
    let p384 = include_str!("../tests/keys/p384.key");
    let error = SigningKey::from_pem(p384, None).unwrap_err();
    assert!(error.to_string().contains("P-256"), "{error}");
    let p384 = include_str!("../tests/keys/p384.pub");
    assert!(matches!(PublicKey::from_pem(p384), Err(KeyError::Kind(_))));
    assert!(matches!(PublicKey::from_pem(PKCS8), Err(KeyError::Pem(_))));
    assert!(matches!(
        SigningKey::from_pem(PUBLIC, None),
        Err(KeyError::Pem(_))
    ));
    assert!(matches!(
        SigningKey::from_pem("", None),
        Err(KeyError::Pem(_))
    ));
}

#[test]
fn a_key_of_cosigns_opens_with_its_password_only() {
    let opened = SigningKey::from_pem(COSIGN, Some(b"")).unwrap();
    let signature = decode(sign_blob(b"x", &opened).as_bytes()).unwrap();
    assert!(opened.public().verifies(b"x", &signature));
    assert!(matches!(
        SigningKey::from_pem(COSIGN, None),
        Err(KeyError::NoPassword)
    ));
    assert!(matches!(
        SigningKey::from_pem(COSIGN, Some(b"no")),
        Err(KeyError::Password)
    ));
}

#[test]
fn an_encrypted_key_comes_back() {
    let key = SigningKey::generate();
    let text = key.to_encrypted_pem(b"secret").unwrap();
    assert!(
        text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"),
        "{text}"
    );
    for label in [text.clone(), text.replace("SIGSTORE", "COSIGN")] {
        let again = SigningKey::from_pem(&label, Some(b"secret")).unwrap();
        assert_eq!(again.public(), key.public());
    }
    let wrong = SigningKey::from_pem(&text, Some(b"Secret"));
    assert!(matches!(wrong, Err(KeyError::Password)));
    // Each has a salt and a nonce of its own.
    assert_ne!(text, key.to_encrypted_pem(b"secret").unwrap());
}

#[test]
fn a_file_can_not_make_scrypt_use_much() {
    let json = String::from_utf8(pem::parse(COSIGN).unwrap().into_contents()).unwrap();
    for (from, to) in [
        ("\"N\":65536", "\"N\":1073741824"),
        ("\"N\":65536", "\"N\":18446744073709551615"),
        ("\"N\":65536", "\"N\":65535"),
        ("\"N\":65536", "\"N\":0"),
        ("\"N\":65536", "\"N\":1"),
        ("\"r\":8", "\"r\":4294967295"),
        ("\"r\":8", "\"r\":0"),
        ("\"p\":1", "\"p\":4294967295"),
        ("\"p\":1", "\"p\":0"),
        ("scrypt", "argon2"),
        ("secretbox", "box"),
    ] {
        assert!(json.contains(from), "{json}");
        let changed = pem::Pem::new(encrypted::LABEL, json.replacen(from, to, 1));
        let error = SigningKey::from_pem(&pem::encode(&changed), Some(b"")).unwrap_err();
        assert!(matches!(error, KeyError::Encrypted(_)), "{to}: {error}");
    }
}

#[test]
fn a_private_key_does_not_print() {
    let shown = format!("{:?}", key());
    assert!(shown.contains(&key().public().fingerprint()) && shown.contains("private"));
    let scalar = openssl(&["pkey", "-in", "tests/keys/pkcs8.key", "-outform", "DER"]);
    assert!(!shown.contains(&hex::encode(&scalar[36..68])), "{shown}");
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
    let reference: Reference = "oci://ghcr.example/acme/weather:1".parse().unwrap();
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
    let reference: Reference = "oci://ghcr.example/acme/weather:1".parse().unwrap();
    let payload = serde_json::to_string(&Payload::of(&reference, DIGEST)).unwrap();
    assert_eq!(
        payload,
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"ghcr.example/acme/weather"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"cosign container image signature"}},"optional":null}}"#
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

#[test]
fn a_rule_names_its_publisher() {
    for good in ["acme/weather", "acme/*", "a-1/b-2"] {
        assert_eq!(good.parse::<NameRule>().unwrap().to_string(), good);
    }
    for bad in [
        "", "*", "*/*", "*/x", "/*", ".*", ".*/x", "acme", "acme/", "acme/**", "acme/w*",
        "acme*/x", "a*/*", "acme/x/*", "Acme/*", "acme/.*", " acme/*", "acme/* ", "?/*", "[a-z]/*",
    ] {
        assert!(bad.parse::<NameRule>().is_err(), "{bad}");
        assert!(
            Trust::new(vec![(key().public(), vec![bad.into()])]).is_err(),
            "{bad}"
        );
    }
    assert!(Trust::new(vec![(key().public(), vec![])]).is_err());
    let rule: NameRule = "acme/*".parse().unwrap();
    assert!(rule.fits(&name("acme/weather")) && !rule.fits(&name("acme-2/weather")));
    let rule: NameRule = "acme/weather".parse().unwrap();
    assert!(!rule.fits(&name("acme/weather-2")) && !rule.fits(&name("acme2/weather")));
}

fn blob(bytes: &[u8], key: &SigningKey) -> Signature {
    let signature = key.sign(bytes);
    Signature::Blob { signature }
}

fn image(digest: &str, key: &SigningKey) -> Signature {
    let reference: Reference = "oci://ghcr.example/acme/weather:1".parse().unwrap();
    let payload = serde_json::to_vec(&Payload::of(&reference, digest)).unwrap();
    let signature = key.sign(&payload);
    Signature::Image { payload, signature }
}

#[test]
fn who_may_sign_a_name_is_told() {
    let trust = trust(&["other/x", "acme/*"]);
    let acme = name("acme/weather");
    let by_blob = trust
        .check(Some(&acme), b"c", None, &[blob(b"c", &key())])
        .unwrap();
    assert_eq!(by_blob.rule, "acme/*");
    let stranger = SigningKey::generate();
    let several = [image(DIGEST, &stranger), image(DIGEST, &key())];
    let by_image = trust
        .check(Some(&acme), b"c", Some(DIGEST), &several)
        .unwrap();
    assert_eq!(by_image, by_blob);
}

#[test]
fn whatever_is_not_signed_by_them_is_refused() {
    let trust = trust(&["acme/*"]);
    let acme = name("acme/weather");
    let stranger = SigningKey::generate();
    let other = format!("sha256:{}", "0".repeat(64));
    let refused = |name: Option<&Name>, digest: Option<&str>, signatures: &[Signature]| {
        let error = trust.check(name, b"c", digest, signatures).unwrap_err();
        error.to_string()
    };
    let good = [image(DIGEST, &key()), blob(b"c", &key())];
    assert!(refused(None, Some(DIGEST), &good).contains("no manifest"));
    assert!(
        refused(Some(&name("acm/weather")), Some(DIGEST), &good)
            .contains("nobody is trusted for acm/weather")
    );
    let unsigned = refused(Some(&acme), Some(DIGEST), &[]);
    assert!(unsigned.contains("not signed") && unsigned.contains(&key().public().fingerprint()));
    let by = |signature| refused(Some(&acme), Some(DIGEST), &[signature]);
    assert!(by(image(DIGEST, &stranger)).contains("other keys"));
    assert!(by(blob(b"d", &key())).contains("other bytes"));
    // A signature of another artifact, copied over.
    assert!(by(image(&other, &key())).contains(&other));
    // What a file's signature says of an image counts for no file.
    refused(Some(&acme), None, &[image(DIGEST, &key())]);
    // A payload of another kind.
    let Signature::Image { payload, .. } = image(DIGEST, &key()) else {
        unreachable!()
    };
    let text = String::from_utf8(payload)
        .unwrap()
        .replace("cosign container", "atomic container");
    let signature = key().sign(text.as_bytes());
    by(Signature::Image {
        payload: text.into(),
        signature,
    });
    // Nobody is trusted: nothing is.
    let none = Trust::new(vec![]).unwrap();
    assert!(none.check(Some(&acme), b"c", Some(DIGEST), &good).is_err());
}

#[test]
fn a_key_for_other_names_does_not_count() {
    let stranger = SigningKey::generate();
    let trust = Trust::new(vec![
        (key().public(), vec!["acme/*".into()]),
        (stranger.public(), vec!["evil/*".into()]),
    ]);
    let error = trust.unwrap().check(
        Some(&name("acme/weather")),
        b"c",
        Some(DIGEST),
        &[image(DIGEST, &stranger)],
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("evil/* only") && error.contains(&stranger.public().fingerprint()),
        "{error}"
    );
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
