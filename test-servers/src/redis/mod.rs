//! Redis and Valkey: one server, a cluster, or a master with its sentinels.

mod clock;
mod cluster;
mod sentinel;
#[cfg(feature = "tls")]
mod tls;

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clock::Clock;
pub use cluster::Cluster;
pub use sentinel::Sentinel;
#[cfg(feature = "tls")]
pub use tls::Tls;

use crate::{
    patience::PATIENCE,
    port::Port,
    process::{self, Process},
    program, resp,
};

/// One server, Redis or Valkey, by default without persistence. It is killed when the
/// handle is dropped.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: Port,
    password: Option<String>,
    /// `None` if the server uses the clock of the machine.
    clock: Option<Clock>,
}

fn redis_server() -> PathBuf {
    program::find("redis-server", "redis")
}

fn valkey_server() -> PathBuf {
    program::find("valkey-server", "valkey")
}

impl Redis {
    /// Starts Redis. Returns when it is ready.
    ///
    /// # Panics
    /// If the server cannot be started, with the reason.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts Valkey. Returns when it is ready.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn valkey() -> Self {
        Self::run(&valkey_server(), &[])
    }

    /// Starts Redis with additional lines in its configuration, e.g. `("requirepass", "secret")` or
    /// `("appendonly", "yes")`. Values are written without quotes, except an empty one.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::run(&redis_server(), settings)
    }

    /// Starts Redis with a clock that can be [set](Self::set_clock). Linux only.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn with_clock() -> Self {
        Self::run_with_clock(&redis_server(), &[])
    }

    /// Starts Valkey with a clock that can be [set](Self::set_clock). Linux only.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn valkey_with_clock() -> Self {
        Self::run_with_clock(&valkey_server(), &[])
    }

    /// Sets the clock of the server this many seconds ahead of the machine's, or behind it. The
    /// server sees the step when it reads the clock next.
    ///
    /// # Panics
    /// If the server was started without such a clock.
    pub fn set_clock(&self, ahead: i64) {
        self.clock.as_ref().expect("it has the clock of the machine").set(ahead);
    }

    /// The URL of the server, with the password if it has one.
    pub fn url(&self) -> String {
        // Escapes every byte of a password that could end its part of the URL.
        let escaped = |password: &String| {
            password.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
        };
        let login = self.password.as_ref().map(|password| format!(":{}@", escaped(password)));
        let login = login.unwrap_or_default();
        format!("redis://{login}127.0.0.1:{}", self.port())
    }

    /// The port of the server on 127.0.0.1. A restart does not change it.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process id of the server. A restart changes it.
    ///
    /// # Panics
    /// If the server was killed.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Kills the server with -9 and returns when it has ended. Its port then refuses connections,
    /// and stays reserved.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts the server again on the same port, after killing it if it runs. It is empty unless it
    /// is persistent. Returns when it is ready.
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

    /// Sends one command and returns the reply as text. Strings and integers are unchanged, an
    /// error is `-ERR ...`, an array has one element per line, and nil is `(nil)`. Each command
    /// uses a new connection, so `WAIT` does not cover earlier writes.
    ///
    /// # Panics
    /// If no reply comes within 30 s.
    pub fn command(&self, args: &[&str]) -> String {
        self.ask(PATIENCE, args)
            .unwrap_or_else(|error| panic!("{args:?}: {error}\n{}", self.process.log_tail()))
    }
}

impl Redis {
    fn run(program: &Path, settings: &[(&str, &str)]) -> Self {
        process::run(|| Self::spawn(program, settings), Self::ready)
    }

    /// Starts a server without waiting until it is ready.
    fn spawn(program: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn_in(process::folder(), program, settings)
    }

    fn run_with_clock(program: &Path, settings: &[(&str, &str)]) -> Self {
        let spawn = || {
            let folder = process::folder();
            let (clock, args) = Clock::new(&folder, program);
            let server = Self::spawn_as(folder, Path::new(clock::ENV), &clock::borrowed(&args), settings);
            Self { clock: Some(clock), ..server }
        };
        process::run(spawn, Self::ready)
    }

    fn spawn_in(folder: PathBuf, program: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn_as(folder, program, &[], settings)
    }

    /// Starts the program with these arguments, followed by the name of the configuration file.
    fn spawn_as(folder: PathBuf, program: &Path, args: &[&OsStr], settings: &[(&str, &str)]) -> Self {
        let port = Port::free();
        let own = [("bind", "127.0.0.1"), ("port", &port.number().to_string()), ("save", "")];
        let mut config = String::new();
        for (name, value) in own.iter().chain(settings) {
            writeln!(config, "{name} {}", if value.is_empty() { "\"\"" } else { value }).unwrap();
        }
        fs::write(folder.join("config"), config).unwrap();
        let args: Vec<&OsStr> = args.iter().copied().chain(["config".as_ref()]).collect();
        let (number, password) = (port.number(), settings.iter().find(|(name, _)| *name == "requirepass"));
        let password = password.map(|(_, password)| (*password).to_owned());
        // An error is a sign of life as well.
        let answers = move || resp::ask(number, None, Duration::from_secs(1), &["PING"]).is_ok();
        let process = Process::new(program, &args, folder, answers);
        process.start();
        Self { process, port, password, clock: None }
    }

    /// Waits until this server (not another one on the same port) responds and has loaded its data.
    fn ready(&self) -> Result<(), String> {
        let ours = format!("process_id:{}\r", self.pid());
        self.process.until_ready(|| {
            let info = self.ask(Duration::from_secs(1), &["INFO"]);
            info.is_ok_and(|info| info.contains(&ours) && !info.contains("loading:1\r"))
        })
    }

    fn is_started(&self) -> bool {
        self.process.is_started()
    }

    fn ask(&self, patience: Duration, args: &[&str]) -> io::Result<String> {
        resp::ask(self.port(), self.password.as_deref(), patience, args)
    }
}
