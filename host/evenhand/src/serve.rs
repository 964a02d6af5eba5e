//! `evenhand serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agents::Agents;
use anyhow::{Context, Result};
use audit::{Log, Who};
use axum::Router;
use calls::{Caller, Calls};
use catalog::Catalog;
use futures::future::try_join_all;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mcp::Mcp;
use metrics::Metrics;
use sandbox::Sandbox;
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, sleep};
use types::neutral::Task;

use crate::witness::Witness;

/// A connection on which no head of a request is complete for so long is closed: the idle ones of clients' pools, and those of
/// somebody who sends a byte a minute.
const HEAD: Duration = Duration::from_secs(60);

/// How long a database may take to close.
const CLOSE: Duration = Duration::from_secs(5);

/// How often old answers are looked for.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// Serves until it is told to stop; then calls that run may end.
pub(crate) async fn serve(file: PathBuf, sandbox: Sandbox) -> Result<()> {
    let log = audit_log(&file)?;
    let metrics = Arc::<Metrics>::default();
    let sandbox = sandbox.witnessed_by(Arc::new(Witness {
        log: log.clone(),
        metrics: metrics.clone(),
    }));
    let kept = match catalog::store(&file).await? {
        Some(at) => {
            let store = Store::open(&at.url).await.context("[store]")?;
            Some((store, at.keep, at.lease))
        }
        None => None,
    };
    let store = kept.as_ref().map(|(store, ..)| store.clone());
    let sandbox = sandbox.with_store(store.clone());
    let catalog =
        Arc::new(Catalog::open(file, sandbox, log.clone(), store.clone(), crate::builtin).await?);
    let calls = Calls::new(catalog.clone(), metrics.clone(), store).await?;
    let agents = kept.as_ref().map(|(store, _, lease)| {
        let (store, tools) = (store.clone(), calls.tools().clone());
        Agents::new(calls.clone(), tools, catalog.clone(), store, *lease)
    });
    if let Some((store, keep, _)) = kept.clone() {
        tokio::spawn(forget(store, keep));
    }
    if let Some(agents) = agents.clone() {
        tokio::spawn(async move { agents.run().await });
    }
    let guarded = catalog.clone();
    let guard: mcp::Guard = Arc::new(move |headers| gateway::caller(&guarded.now(), headers));
    let mcp = Mcp::new(calls.tools().clone(), calls.clone(), guard);
    let served = gateway::Served {
        calls: calls.clone(),
        agents: agents.clone(),
        mcp: mcp.clone(),
    };
    let (data, admin) = {
        let config = &catalog.now().config;
        (
            config.server.listen,
            config.admin.as_ref().map(|admin| admin.listen),
        )
    };
    let mut planes = Vec::new();
    let listener = listen(data, "server.listen").await?;
    let address = listener.local_addr()?;
    planes.push((listener, gateway::data_plane(catalog.clone(), served)));
    println!("listening on http://{address}");
    if let Some(admin) = admin {
        let listener = listen(admin, "admin.listen").await?;
        println!("admin on http://{}", listener.local_addr()?);
        planes.push((
            listener,
            gateway::control_plane(catalog.clone(), log.clone(), metrics.clone()),
        ));
    }
    let (stop, stopped) = watch::channel(());
    let planes = try_join_all(
        planes
            .into_iter()
            .map(|(listener, plane)| run(listener, plane, stopped.clone())),
    );
    tokio::spawn(catalog::watch(catalog.clone()));
    tokio::spawn(catalog::judge(catalog.clone()));
    tokio::spawn(reload_on_hangup(
        catalog.clone(),
        signal(SignalKind::hangup())?,
    ));
    let greeter = calls.clone();
    tokio::spawn(async move { greet(&catalog, &greeter, address).await });
    let mut terminate = signal(SignalKind::terminate())?;
    let stopping = agents.clone();
    let told = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: calls that run may end; a second signal ends them");
        mcp.stop();
        if let Some(agents) = &stopping {
            agents.stop();
        }
        drop(stop);
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    let ended = async {
        let served = planes.await.map(drop);
        calls.ended().await;
        if let Some(agents) = agents {
            agents.ended().await;
        }
        served
    };
    let served = tokio::select! {
        served = ended => served,
        () = told => Ok(()),
    };
    if let Some((store, ..)) = kept {
        let _ = tokio::time::timeout(CLOSE, store.close()).await;
    }
    let closed = log.close().await;
    served.and(closed.context("the audit log has no end"))
}

/// Forgets answers that are older than they are to be kept.
async fn forget(store: Store, keep: Duration) {
    let mut hours = interval(FORGET);
    loop {
        hours.tick().await;
        if let Ok(forgotten @ 1..) = store.forget_older(keep).await {
            tracing::info!(forgotten, "answers were kept long enough");
        }
    }
}

/// Opens the log that the configuration names.
fn audit_log(file: &Path) -> Result<Log> {
    match catalog::audit_log(file)? {
        Some(path) => Log::open(&path, env!("CARGO_PKG_VERSION")).context("[audit]"),
        None => {
            println!("no [audit] is configured: loads, denials and admin calls are not recorded");
            Ok(Log::off())
        }
    }
}

async fn listen(address: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {key} = {address}"))
}

/// Serves a plane until it is told to stop, and then until the calls that run have ended.
async fn run(listener: TcpListener, plane: Router, mut stopped: watch::Receiver<()>) -> Result<()> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, say: some calls end, and then there are some again.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // A token is a small packet that must not wait for the next.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(plane.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended");
            }
        });
    }
    open.shutdown().await;
    Ok(())
}

async fn reload_on_hangup(catalog: Arc<Catalog>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        catalog.reload(Who::Sighup).await;
    }
}

/// Says what is served, and how to try it.
async fn greet(catalog: &Arc<Catalog>, calls: &Calls, address: SocketAddr) {
    let now = catalog.now().clone();
    let guarded = !now.keys.is_empty();
    if !guarded {
        println!("no key is configured: only programs on this machine are served");
    }
    for failed in now
        .status()
        .iter()
        .filter_map(|status| Some((&status.name, status.error.as_ref()?)))
    {
        println!("plugin {} is not loaded: {}", failed.0, failed.1);
    }
    let models = calls.models(&Caller::Anyone).await;
    for model in &models {
        println!("model {}", model.id);
    }
    let speaks = models.iter().find(|model| {
        let tasks = model.info.as_ref().map_or(&[][..], |info| &info.tasks);
        tasks.is_empty() || tasks.contains(&Task::Generate)
    });
    let Some(model) = speaks else { return };
    let body = serde_json::json!({
        "model": model.id,
        "messages": [{ "role": "user", "content": "What is the capital of France?" }],
        "temperature": 0,
    });
    let key = if guarded {
        " -H \"authorization: Bearer $KEY\""
    } else {
        ""
    };
    println!(
        "try it:\n  curl http://{address}/v1/chat/completions{key} -H 'content-type: application/json' -d '{body}'"
    );
}
