//! NATS with `JetStream`: one server, a cluster, or a leaf server linked to its hub. Also networks
//! in front of a server that can fail.

mod black_hole;
mod client;
mod cluster;
mod false_clock;
mod leaf;

use std::{fs, path::Path, path::PathBuf, time::Duration};

pub use black_hole::BlackHole;
pub use cluster::Cluster;
pub use false_clock::FalseClock;
pub use leaf::Leaf;

use crate::{
    patience::PATIENCE,
    port::Port,
    process::{self, Process},
    program,
};

/// The time limit of a request that will be repeated soon.
const BRIEFLY: Duration = Duration::from_secs(1);

/// One server with `JetStream`, with up to 256 MB in memory and 1 GB in files. It is killed when
/// the handle is dropped.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: Port,
    monitor: Port,
    /// Whether this is a single server, which is ready when its `JetStream` is. In a cluster,
    /// `JetStream` depends on the other servers, which may be down.
    is_alone: bool,
}

fn nats_server() -> PathBuf {
    program::find("nats-server", "nats")
}

impl Nats {
    /// Starts a server of the current version. Returns when it is ready.
    ///
    /// # Panics
    /// If the server cannot be started, with the reason.
    pub fn start() -> Self {
        Self::with("")
    }

    /// Starts a server of the current version with additional lines in its configuration file. A
    /// `jetstream` line replaces the default one. A relative `store_dir` is in the server's folder.
    ///
    /// # Panics
    /// As [`Nats::start`].
    pub fn with(config: &str) -> Self {
        Self::run(&nats_server(), config)
    }

    /// Starts a server of the oldest supported version, 2.9. It has no message TTLs and no markers
    /// of expired messages.
    ///
    /// # Panics
    /// As [`Nats::start`].
    pub fn old() -> Self {
        Self::run(&program::find("nats-server-2.9", "nats29"), "")
    }

    /// The URL of the server for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// The port of the server for clients on 127.0.0.1. A restart does not change it.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of the server's monitoring endpoint, e.g. for `/varz` or `/jsz?streams=true`.
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor_port())
    }

    /// The port of [`monitor_url`](Self::monitor_url).
    pub fn monitor_port(&self) -> u16 {
        self.monitor.number()
    }

    /// The `server_name` of the server.
    pub fn name(&self) -> String {
        name(&self.port)
    }

    /// The process id of the server. A restart changes it.
    ///
    /// # Panics
    /// If the server was killed.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills the server with -9 and returns when it has ended. Its ports then refuse connections,
    /// and stay reserved.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts the server again on the same ports, after killing it if it runs. It has the streams
    /// that were stored in files, but not those in memory. Returns when the server is ready; in a
    /// cluster, when it accepts connections.
    ///
    /// # Panics
    /// If the server does not become ready.
    pub fn restart(&self) {
        self.process.kill();
        self.process.start();
        self.ready().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Suspends the server. Its connections stay open and nothing is answered, like on a machine
    /// that hangs.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes the server after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// The CPU time that the server has used so far, in steps of 10 ms. Linux only.
    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    /// Sends one request and returns the reply as text, with its headers if it has any. Without a
    /// responder the reply is `NATS/1.0 503`. The API of `JetStream` answers in JSON.
    ///
    /// # Panics
    /// If no reply comes within 30 s, or if the server requires a login.
    pub fn request(&self, subject: &str, body: &str) -> String {
        client::request(self.port(), subject, body, PATIENCE)
            .unwrap_or_else(|error| panic!("{subject} {body}: {error}\n{}", self.process.log_tail()))
    }

    fn run(program: &Path, config: &str) -> Self {
        process::run(|| Self::spawn(program, Port::free(), config, true), Self::ready)
    }

    /// Starts a server without waiting until it is ready.
    fn spawn(program: &Path, port: Port, config: &str, is_alone: bool) -> Self {
        let (folder, monitor) = (process::folder(), Port::free());
        let jetstream = "jetstream { store_dir: store, max_mem: 256M, max_file: 1G }";
        let jetstream = if config.contains("jetstream") { "" } else { jetstream };
        let own = format!(
            "server_name: {}\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{}\"\n{jetstream}\n{config}\n",
            name(&port),
            port.number(),
            monitor.number()
        );
        fs::write(folder.join("config"), own).unwrap();
        let (client, monitoring) = (port.number(), monitor.number());
        let answers = move || client::answers(client, monitoring, BRIEFLY);
        let process = Process::new(program, &["--config".as_ref(), "config".as_ref()], folder, answers);
        process.start();
        Self { process, port, monitor, is_alone }
    }

    /// Waits for the greeting of this server (not of another one on the same port), and until a
    /// single server has recovered its streams.
    fn ready(&self) -> Result<(), String> {
        let ours = format!("\"server_name\":\"{}\"", self.name());
        self.process.until_ready(|| {
            client::greeting(self.port(), BRIEFLY).is_ok_and(|greeting| greeting.contains(&ours))
                && (!self.is_alone || self.is_healthy())
        })
    }

    fn is_healthy(&self) -> bool {
        client::get(self.monitor_port(), "/healthz", BRIEFLY).is_ok()
    }

    fn is_started(&self) -> bool {
        self.process.is_started()
    }
}

fn name(port: &Port) -> String {
    format!("n{}", port.number())
}
