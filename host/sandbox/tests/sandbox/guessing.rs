//! A plugin that makes others say what it guesses of a secret learns nothing by when and how it is told.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use sandbox::{Body, Plugin};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use types::neutral::NativeRequest;
use types::{Error, ErrorCode};

use crate::outside::{SECRET, send};
use crate::support::{World, file};

/// Says, in one piece each, whatever the path of a request has between its slashes.
async fn parrot() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = client.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let begin = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            client.write_all(begin.as_bytes()).await.unwrap();
            for piece in path.split('/') {
                client.write_all(piece.as_bytes()).await.unwrap();
                client.flush().await.unwrap();
                // So that the next piece is one of its own.
                tokio::task::yield_now().await;
            }
        }
    });
    origin
}

async fn granted(world: &World, parrot: &str, bound: &str) -> Arc<Plugin> {
    let text = format!(
        r#"config = {{ vendor = "{parrot}" }}
[plugin.grant]
egress = ["POST {parrot}/*"]
[plugin.grant.secrets]
key = {{ env = "X", as = {{ header = "x-key" }}, to = ["{bound}"] }}"#
    );
    let bytes = std::fs::read(file("misbehaving")).unwrap();
    let secrets = [("key", SECRET)];
    let loaded = world.load_bytes(bytes, "hostile", &text, &secrets);
    loaded.await.unwrap()
}

async fn say(plugin: &Arc<Plugin>, said: &str) -> Result<Vec<Bytes>, Error> {
    let request = NativeRequest {
        dialect: "openai-chat".into(),
        model: said.into(),
        stream: true,
        headers: Vec::new(),
        query: None,
    };
    let answer = plugin.forward(request, Body::from_bytes(Bytes::new()));
    let body: Vec<_> = answer.await?.body.collect().await;
    body.into_iter().collect()
}

#[test]
fn who_was_never_sent_a_secret_is_not_masked() {
    let world = World::new();
    world.run(async {
        let parrot = parrot().await;
        let hostile = granted(&world, &parrot, "https://elsewhere.example").await;
        let wanted = json!({"method": "POST", "url": format!("{parrot}/{SECRET}")});
        assert_eq!(
            send(&hostile, wanted).await.unwrap(),
            format!("200  {SECRET}")
        );
    });
}

#[test]
fn who_was_sent_it_may_not_be_asked_again_and_again() {
    let world = World::new();
    world.run(async {
        let parrot = parrot().await;
        let hostile = granted(&world, &parrot, &parrot).await;
        let said = say(&hostile, SECRET).await.unwrap().concat();
        assert_eq!(said, "*".repeat(SECRET.len()).as_bytes());
        // Far less than the sixty guesses that a byte takes.
        let mut guesses = 0;
        let refused = loop {
            match say(&hostile, &format!("{}/!", &SECRET[..17])).await {
                Ok(said) => assert_eq!(said.concat(), format!("{}!", &SECRET[..17]).as_bytes()),
                Err(error) => break error,
            }
            guesses += 1;
            assert!(guesses < 100, "it may go on");
        };
        assert_eq!(refused.code, ErrorCode::RefusedByPolicy);
        // And nothing that it might be told from then on.
        let refused = say(&hostile, "x").await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RefusedByPolicy);
        assert!(refused.message.contains("guessing"), "{refused}");
    });
}
