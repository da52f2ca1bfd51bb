//! Sockudo, a server of the Pusher protocol: its settings, and how it is started.

use crate::Outcome;
use crate::protocol::pusher::APP;
use crate::server::{Server, Setup, folder};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The timeout of a start.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Its limits are raised, since rooms have up to 10,000 members and some 28,000 sockets are opened.
/// All else has its default (<https://github.com/sockudo/sockudo/tree/master/docs>); `/metrics`
/// would take a port for each process, and nobody reads a log of every connection.
const SETTINGS: [(&str, &str); 12] = [
    ("HOST", "127.0.0.1"),
    ("RUST_LOG", "warn"),
    ("METRICS_ENABLED", "false"),
    ("RATE_LIMITER_ENABLED", "false"),
    ("SOCKUDO_DEFAULT_APP_ENABLE_CLIENT_MESSAGES", "true"),
    ("SOCKUDO_DEFAULT_APP_MAX_CONNECTIONS", "1000000"),
    ("SOCKUDO_DEFAULT_APP_MAX_CLIENT_EVENTS_PER_SECOND", "1000000"),
    ("SOCKUDO_DEFAULT_APP_MAX_READ_REQUESTS_PER_SECOND", "1000000"),
    ("SOCKUDO_DEFAULT_APP_MAX_PRESENCE_MEMBERS_PER_CHANNEL", "1000000"),
    ("SOCKUDO_DEFAULT_APP_ID", APP[0]),
    ("SOCKUDO_DEFAULT_APP_KEY", APP[1]),
    ("SOCKUDO_DEFAULT_APP_SECRET", APP[2]),
];

/// Starts a process and waits until it listens.
pub fn start(setup: &Setup) -> Outcome<Server> {
    let program = folder().join("target/sockudo/bin/sockudo");
    if !program.exists() {
        return Err(format!("{} is missing: scripts/peers.sh installs it", program.display()).into());
    }
    // It does not tell which port it took, so it is told one that was free a moment ago.
    let port = match setup.port {
        0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
        port => port,
    };
    let mut command = Command::new(program);
    command.envs(SETTINGS).env("PORT", port.to_string());
    match &setup.redis {
        // It asks for a cache in Redis too if it has such an adapter.
        Some(url) => {
            command.env("ADAPTER_DRIVER", "redis").env("CACHE_DRIVER", "redis").env("REDIS_URL", url)
        }
        None => command.env("ADAPTER_DRIVER", "local"),
    };
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut server = Server { process: Some(process), address };
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > PATIENCE || !server.is_running()? {
            return Err("sockudo did not start".into());
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(server)
}
