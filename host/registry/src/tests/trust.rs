use super::*;

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
