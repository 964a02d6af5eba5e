use super::*;

fn media(source: MediaSource, media_type: Option<&str>) -> Media {
    Media {
        source,
        media_type: media_type.map(Into::into),
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

fn bytes(bytes: &[u8]) -> MediaSource {
    MediaSource::Bytes(bytes.to_vec())
}

#[test]
fn images_are_known_by_name_or_by_their_first_bytes() {
    let mut warnings = Warnings::default();
    let mut format = |media: Media| {
        let block = image(&media, &mut warnings).ok()?;
        Some(block["image"]["format"].as_str()?.to_owned())
    };
    let webp = b"RIFF....WEBPVP8 ";
    assert_eq!(
        format(media(bytes(b"x"), Some("image/jpg"))).unwrap(),
        "jpeg"
    );
    assert_eq!(format(media(bytes(webp), None)).unwrap(), "webp");
    assert_eq!(format(media(bytes(b"GIF89a"), None)).unwrap(), "gif");
    assert_eq!(format(media(bytes(b"x"), Some("image/tiff"))), None);
    assert_eq!(format(media(bytes(b"x"), None)), None);
    let s3 = || MediaSource::Url("s3://bucket/cat.png".into());
    let block = image(&media(s3(), None), &mut warnings).unwrap();
    let source = json!({"s3Location": {"uri": "s3://bucket/cat.png"}});
    assert_eq!(block, json!({"image": {"format": "png", "source": source}}));
    for elsewhere in [
        MediaSource::Url("https://x/cat.png".into()),
        MediaSource::FileId("file-1".into()),
    ] {
        let refused = image(&media(elsewhere, Some("image/png")), &mut warnings).unwrap_err();
        assert!(refused.message.contains("send the bytes"));
        assert_eq!(refused.param.as_deref(), Some("messages.image"));
    }
}

#[test]
fn documents_have_a_format_and_a_name_of_their_own() {
    let (mut titles, mut warnings) = (Titles::default(), Warnings::default());
    let mut block = |media: Media| {
        document(&media, &mut titles, &mut warnings).map(|mut block| block["document"].take())
    };
    assert_eq!(
        block(Media {
            name: Some("Q3  report/v2.pdf".into()),
            context: Some("Money".into()),
            cite: true,
            ..media(bytes(b"%PDF-1.7"), None)
        })
        .unwrap(),
        json!({"format": "pdf", "name": "Q3 report v2 pdf", "context": "Money", "citations": {"enabled": true},
            "source": {"bytes": "JVBERi0xLjc="}})
    );
    let mut said = |media: Media| {
        let block = block(media).unwrap();
        let text = |field: &str| block[field].as_str().unwrap().to_owned();
        (text("format"), text("name"))
    };
    let csv = Some("text/csv; charset=utf-8");
    assert_eq!(
        said(media(bytes(b"a,1"), csv)),
        ("csv".into(), "document".into())
    );
    let json = Some("application/json");
    assert_eq!(
        said(media(bytes(b"{}"), json)),
        ("txt".into(), "document 2".into())
    );
    let upper = Media {
        name: Some("Dokument é DOCUMENT".into()),
        ..media(bytes(b"x"), None)
    };
    assert_eq!(said(upper).1, "Dokument DOCUMENT");
    let again = Media {
        name: Some("DOCUMENT".into()),
        ..media(bytes(b"x"), None)
    };
    assert_eq!(said(again).1, "DOCUMENT 3");
    let named = Media {
        name: Some("notes.md".into()),
        ..media(bytes(b"# x"), Some("application/octet-stream"))
    };
    assert_eq!(said(named).0, "md");
    let refused = block(media(bytes(b"PK\x03\x04"), Some("application/zip"))).unwrap_err();
    assert!(refused.message.contains("application/zip"));
    assert!(block(media(bytes(&[0xff, 0xfe]), Some("text/plain"))).is_err());
    let film = document(
        &media(bytes(b"x"), Some("video/mp4")),
        &mut titles,
        &mut warnings,
    );
    assert_eq!(film.unwrap()["video"]["format"], "mp4");
    assert_eq!(
        warnings.fields().collect::<Vec<_>>(),
        ["messages.file.name"; 4]
    );
}

#[test]
fn sounds_have_a_known_format() {
    let sound = audio(&media(bytes(&[1, 2, 3]), Some("audio/mpeg"))).unwrap();
    assert_eq!(
        sound,
        json!({"audio": {"format": "mp3", "source": {"bytes": "AQID"}}})
    );
    assert!(audio(&media(bytes(b"x"), Some("audio/midi"))).is_err());
}

#[test]
fn a_search_result_always_has_a_passage() {
    let source = Source {
        location: "https://x".into(),
        title: None,
        passages: vec![" ".into()],
        cite: true,
    };
    assert_eq!(
        search_result(&source),
        json!({"searchResult": {"source": "https://x", "title": "https://x",
            "content": [{"text": "https://x"}], "citations": {"enabled": true}}})
    );
}
