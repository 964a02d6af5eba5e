//! The native path: a client's bytes to the vendor, and the vendor's back.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use sandbox::Body;
use tokio::time::timeout;
use types::neutral::NativeRequest;

use crate::delivery::Delivery;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Exchange, Provider};
use crate::stage::Plan;
use crate::subject::{code, told};

/// Bytes that no translation would leave as they are.
const BYTES: &[u8] =
    b"{\"model\" :\t\"x\",  \"a\":1,\"a\":2, \"\xf0\x9f\x9a\x80\xff\xfe\":null}\r\n";

/// How long a vendor's answer may be held when its client is gone.
const SOON: Duration = Duration::from_secs(10);

pub(super) async fn run(run: &mut Run, provider: &Provider) {
    let dialects = run.subject.plugin.dialects().to_vec();
    if dialects.is_empty() {
        run.case("native.untouched", "", async |_| {
            Err(Stop::skipped("it forwards no dialect"))
        })
        .await;
        return;
    }
    for dialect in &dialects {
        run.case("native.untouched", dialect, async |run| {
            untouched(run, provider, dialect, 200).await
        })
        .await;
        run.case("native.status", dialect, async |run| {
            untouched(run, provider, dialect, 429).await
        })
        .await;
        run.case("native.cancel", dialect, async |run| {
            cancel(run, provider, dialect).await
        })
        .await;
    }
    run.case("native.unknown", "", async |run| {
        let request = request(provider, "conformance-dialect");
        let plan = plan(Delivery::Whole, 200);
        let called = run.subject.call(Some(plan), async |plugin| {
            plugin
                .forward(request, Body::from_bytes(Bytes::from_static(BYTES)))
                .await
        });
        match called.await.value {
            Err(_) => Ok(()),
            Ok(answer) => Err(Stop::failed(
                "an error",
                format!("status {}", answer.status),
            )),
        }
    })
    .await;
}

fn request(provider: &Provider, dialect: &str) -> NativeRequest {
    NativeRequest {
        dialect: dialect.into(),
        model: provider.model.clone(),
        stream: true,
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-conformance".into(), "of the client".into()),
        ],
        query: None,
    }
}

fn plan(delivery: Delivery, status: u16) -> Plan {
    let exchange = Exchange {
        when: None,
        method: "POST".into(),
        url: String::new(),
        request: None,
        request_headers: BTreeMap::new(),
        status,
        headers: BTreeMap::from([
            ("content-type".into(), "application/x-conformance".into()),
            ("x-conformance".into(), "of the vendor".into()),
        ]),
        json: None,
        body: None,
        body_file: None,
        sse: None,
    };
    Plan::lax(vec![exchange])
        .with_body(BYTES.repeat(100))
        .delivered(delivery)
}

async fn untouched(run: &mut Run, provider: &Provider, dialect: &str, status: u16) -> Outcome {
    let request = request(provider, dialect);
    let plan = plan(Delivery::Pieces(vec![7, 8, 64, 1000]), status);
    let called = run.subject.call(Some(plan), async |plugin| {
        let body = Body::from_bytes(Bytes::from_static(BYTES));
        let answer = plugin.forward(request, body).await?;
        let (status, headers) = (answer.status, answer.headers);
        let pieces: Vec<Bytes> = answer.body.try_collect().await?;
        Ok((status, headers, pieces.concat()))
    });
    let called = called.await;
    let (seen, headers, body) = called
        .value
        .map_err(|error| Stop::failed("the vendor's answer", told(&error)))?;
    let [asked] = called.asked.as_slice() else {
        return Err(Stop::failed(
            "one request",
            format!("{}", called.asked.len()),
        ));
    };
    if asked.body != BYTES {
        return Err(Stop::failed(
            "the client's bytes at the vendor",
            format!("{:?}", String::from_utf8_lossy(&asked.body)),
        ));
    }
    let has = |fields: &[(String, String)], value: &str| {
        fields
            .iter()
            .any(|(name, it)| name == "x-conformance" && it == value)
    };
    if !has(&asked.headers, "of the client") {
        return Err(Stop::failed(
            "the client's header fields at the vendor",
            "they are lost",
        ));
    }
    for (name, trace) in &run.traces {
        if !asked.has(trace) {
            return Err(Stop::failed(
                format!("the secret {name:?} on the request"),
                "it is not named",
            ));
        }
    }
    if seen != status || !has(&headers, "of the vendor") || body != BYTES.repeat(100) {
        return Err(Stop::failed(
            format!("the vendor's status {status}, header fields and bytes"),
            format!("status {seen}, {} bytes", body.len()),
        ));
    }
    Ok(())
}

async fn cancel(run: &mut Run, provider: &Provider, dialect: &str) -> Outcome {
    run.subject.stage.play(Some(plan(Delivery::Hang(100), 200)));
    let body = Body::from_bytes(Bytes::from_static(BYTES));
    let answer = run.subject.plugin.forward(request(provider, dialect), body);
    let mut answer = match timeout(SOON, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let seen = format!("{}: {}", code(error.code), error.message);
            return Err(Stop::failed("the head of the vendor's answer", seen));
        }
        Err(_) => return Err(Stop::failed("the head of the vendor's answer", "none came")),
    };
    let first = timeout(SOON, answer.body.next()).await;
    if !matches!(first, Ok(Some(Ok(_)))) {
        return Err(Stop::failed(
            "the beginning of the vendor's answer",
            "none came",
        ));
    }
    drop(answer);
    let gone = timeout(SOON, run.subject.stage.reads(false)).await;
    run.subject.stage.play(None);
    gone.map_err(|_| {
        Stop::failed(
            format!("that it is let go within {SOON:?}"),
            "it is still held",
        )
    })
}
