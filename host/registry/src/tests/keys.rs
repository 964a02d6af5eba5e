use super::*;

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
    let p384 = include_str!("../../tests/keys/p384.key");
    let error = SigningKey::from_pem(p384, None).unwrap_err();
    assert!(error.to_string().contains("P-256"), "{error}");
    let p384 = include_str!("../../tests/keys/p384.pub");
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
