//! NATS with `JetStream`: one server, a cluster, a leaf linked to its hub; and faults of the
//! network between them.

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

/// One server with `JetStream` and its own folder: up to 256 MB in memory, 1 GB in files. Killed
/// when dropped.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: Port,
    monitor: Port,
    /// A single server is ready when its `JetStream` is. In a cluster that depends on the others,
    /// which may be down.
    is_alone: bool,
}

fn nats_server() -> PathBuf {
    program::find("nats-server", "nats")
}

impl Nats {
    /// A current server that is ready.
    ///
    /// # Panics
    /// If it cannot be started, with the reason; the same for the other constructors.
    pub fn start() -> Self {
        Self::with("")
    }

    /// A current server with additional lines in its configuration file. A `jetstream` line
    /// replaces ours; a relative `store_dir` is in the server's folder.
    ///
    /// # Panics
    /// As [`Nats::start`].
    pub fn with(config: &str) -> Self {
        Self::run(&nats_server(), config)
    }

    /// The oldest supported server, a 2.9: without message TTLs and without markers of expired
    /// messages.
    ///
    /// # Panics
    /// As [`Nats::start`].
    pub fn old() -> Self {
        Self::run(&program::find("nats-server-2.9", "nats29"), "")
    }

    /// Its URL for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Its port for clients on 127.0.0.1, which stays the same.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL of its monitoring endpoint, e.g. for `/varz` or `/jsz?streams=true`.
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor_port())
    }

    /// The port of [`monitor_url`](Self::monitor_url).
    pub fn monitor_port(&self) -> u16 {
        self.monitor.number()
    }

    /// Its `server_name`.
    pub fn name(&self) -> String {
        name(&self.port)
    }

    /// The id of its process; another one after a restart.
    ///
    /// # Panics
    /// If it was killed.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills it with -9 and returns when it has ended. Its ports refuse connections and stay
    /// reserved.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts it again, after killing it if it runs: on the same ports, with the streams stored in
    /// files and without those in memory. Returns when it is ready; in a cluster, when it accepts
    /// connections.
    ///
    /// # Panics
    /// If it does not become ready.
    pub fn restart(&self) {
        self.process.kill();
        self.process.start();
        self.ready().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Suspends it: connections stay open and nothing is answered, like a machine that hangs.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes it after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// The CPU time of its process so far, in steps of 10 ms. Linux only.
    pub fn cpu(&self) -> Duration {
        self.process.cpu()
    }

    /// The reply to one request, as text and with its headers if it has some: `NATS/1.0 503` if
    /// nobody responds. The API of `JetStream` answers in JSON.
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

    /// Starts it without waiting until it is ready.
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
        let process = Process::new(program, &["--config".as_ref(), "config".as_ref()], folder);
        process.start();
        Self { process, port, monitor, is_alone }
    }

    /// Waits for its greeting, which must be its own and not that of another server on its port,
    /// and until it has recovered its streams.
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
