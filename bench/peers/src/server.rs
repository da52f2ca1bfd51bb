//! A process of a peer.

use crate::Outcome;
use crate::peer::{Launch, Peer};
use crate::sockudo;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The settings of a process.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The URL of the store that it shares with others.
    pub redis: Option<String>,
    /// The port; 0 for any.
    pub port: u16,
    /// The number of members up to which a room is sent with names; 0 for the peer's default.
    pub large: usize,
}

/// A running process. It is killed when it is dropped.
pub struct Server {
    /// `None` if it was started by somebody else.
    pub(crate) process: Option<Child>,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a peer and waits until it listens.
    pub fn start(peer: &Peer, setup: &Setup) -> Outcome<Self> {
        let mut command = match &peer.launch {
            Launch::Elsewhere(address) => return Ok(Self { process: None, address: *address }),
            Launch::Beside(program) => Command::new(beside(program)?),
            Launch::Node(script) => {
                let mut command = Command::new(std::env::var_os("NODE").unwrap_or_else(|| "node".into()));
                command.arg(folder().join("node").join(script));
                command
            }
            Launch::Sockudo => return sockudo::start(setup),
        };
        command.env("PORT", setup.port.to_string()).env("REDIS", setup.redis.as_deref().unwrap_or_default());
        if setup.large > 0 {
            command.env("LARGE", setup.large.to_string());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("no pipe from the server")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().parse().map_err(|_| format!("{} did not start", peer.name))?;
        Ok(Self { process: Some(process), address })
    }

    /// Sends SIGTERM and waits until the process has ended.
    pub fn terminate(mut self) -> Outcome {
        let process = self.process.as_mut().ok_or(ELSEWHERE)?;
        kill_process(Pid::from_child(process), Signal::TERM)?;
        process.wait()?;
        Ok(())
    }

    pub fn is_running(&mut self) -> Outcome<bool> {
        Ok(self.process.as_mut().ok_or(ELSEWHERE)?.try_wait()?.is_none())
    }

    /// The processor time of all its threads.
    pub fn cpu(&self) -> Outcome<Duration> {
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.id()?))? {
            // A thread may end in between.
            let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> Outcome<usize> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.id()?))?;
        let pages: usize = statm.split(' ').nth(1).ok_or("no resident set")?.parse()?;
        Ok(pages * rustix::param::page_size())
    }

    fn id(&self) -> Outcome<u32> {
        Ok(self.process.as_ref().ok_or(ELSEWHERE)?.id())
    }
}

const ELSEWHERE: &str = "cannot: it was started elsewhere";

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Both fail only if it has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The path of a program that was built with this one.
fn beside(name: &str) -> Outcome<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if program.exists() {
        return Ok(program);
    }
    Err(format!("{} is missing: scripts/peers.sh builds it", program.display()).into())
}

/// The folder of this crate.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Raises the limit of open files of this process and its children to the hard limit,
/// and returns it.
pub fn open_many_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
