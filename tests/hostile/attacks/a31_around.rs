//! 31: looks around: environment, arguments, files, sockets, clock, configuration, weights. Says all that it found.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::SystemTime;

use hostile::Answer;

fn attack(said: &str) -> Answer {
    let files = [
        "/proc/self/environ",
        "/proc/1/environ",
        "/etc/passwd",
        "/dev/fd/0",
        "/",
        ".",
        "..",
        "evenhand.toml",
        "evenhand.audit",
        "evenhand.audit.key",
        "/root/.cache/evenhand/compiled/key",
        "log",
    ];
    let opened = |name: &&str| std::fs::read(name).is_ok() || std::fs::read_dir(name).is_ok();
    let found = serde_json::json!({
        "environment": std::env::vars_os().map(|(name, _)| name.into_string().unwrap_or_default()).collect::<Vec<_>>(),
        "arguments": std::env::args_os().count(),
        "folder": std::env::current_dir().is_ok(),
        "files": files.iter().filter(|name| opened(name)).collect::<Vec<_>>(),
        "written": std::fs::write("/tmp/hostile", "x").is_ok() || std::fs::write("hostile", "x").is_ok(),
        "connected": TcpStream::connect(said).is_ok(),
        "listened": TcpListener::bind("127.0.0.1:0").is_ok(),
        "sent": UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", said)).is_ok(),
        "resolved": "localhost:80".to_socket_addrs().is_ok(),
        "input": std::io::read_to_string(std::io::stdin()).unwrap_or_default(),
        "weights": evenhand_sdk::weights::names(),
        "config": evenhand_sdk::config::<serde_json::Value>()?,
        "clock": SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).is_ok(),
    });
    hostile::says(&found.to_string())
}

hostile::attack!(attack);
