//! The kit, run over one component: `CONFORMANCE="FILE.wasm SCRIPT.toml"`.

use conformance::{Candidate, Script};
use sandbox::{Compiler, Guests, Sandbox};

#[test]
fn one() {
    let Ok(what) = std::env::var("CONFORMANCE") else {
        return;
    };
    let (file, script) = what.split_once(' ').unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let io = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let guests = Guests {
        fast: io.handle().clone(),
        slow: io.handle().clone(),
    };
    let sandbox = Sandbox::new(
        io.handle().clone(),
        guests,
        Compiler::in_process()
            .cached(sandbox::Cache::open("/tmp/conf-cache".into(), 1 << 30).unwrap()),
    )
    .unwrap();
    let script = match script {
        "" => Script::default(),
        file => Script::open(file.as_ref()).unwrap(),
    };
    let candidate = Candidate {
        name: file.into(),
        bytes: std::fs::read(file).unwrap(),
        script,
    };
    let report = io.block_on(conformance::run(candidate, sandbox)).unwrap();
    println!("{report}");
}
