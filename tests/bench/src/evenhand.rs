//! The built binary before the vendor.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running Evenhand; killed when it is dropped.
pub(crate) struct Evenhand {
    pub(crate) origin: String,
    _process: Child,
    _folder: TempDir,
}

impl Evenhand {
    pub(crate) async fn start(vendor: &str) -> Result<Self> {
        let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let plugin = target.join("plugins/openai.wasm");
        let spinner = target.join("plugins/test/misbehaving.wasm");
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("evenhand.toml");
        let text = format!(
            r#"
[server]
listen = "127.0.0.1:0"
[[plugin]]
name = "vendor"
source = {plugin:?}
config = {{ base_url = "{vendor}/v1" }}
[plugin.grant]
egress = ["POST {vendor}/v1/*", "GET {vendor}/v1/models"]
[plugin.grant.secrets]
api_key = {{ env = "BENCH_KEY", as = "bearer", to = ["{vendor}"] }}
[[plugin]]
name = "spinner"
source = {spinner:?}
"#
        );
        std::fs::write(&file, text)?;
        let mut process = Command::new(target.join("release/evenhand"))
            .args(["serve", "--config"])
            .arg(&file)
            .env("BENCH_KEY", "sk-bench-of-evenhand")
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("target/release/evenhand: `cargo xtask bench` builds it")?;
        let mut lines = BufReader::new(process.stdout.take().context("no stdout")?).lines();
        let origin = loop {
            let line = lines.next_line().await?.context("evenhand ended")?;
            if let Some(origin) = line.strip_prefix("listening on ") {
                break origin.to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            origin,
            _process: process,
            _folder: folder,
        })
    }
}
