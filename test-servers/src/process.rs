use std::{
    env,
    ffi::OsStr,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::id,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    guard::Guard,
    patience::{PATIENCE, wait_until, within},
    watch::Watch,
};

/// A server's process, and its folder.
#[derive(Debug)]
pub(crate) struct Process {
    folder: PathBuf,
    watch: Watch,
    guard: Mutex<Guard>,
}

/// Creates a folder for one server.
pub(crate) fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!("presence-{}-{}", id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        // An existing folder is from an earlier process with the same id.
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => break made.map(|()| folder).expect("the folder of temporary files cannot be written"),
        }
    }
}

/// Starts a server, and tries again with other ports if its ports are taken. This can happen on
/// systems that cannot reserve ports.
pub(crate) fn run<S>(start: impl Fn() -> S, ready: impl Fn(&S) -> Result<(), String>) -> S {
    let mut tries = 0..5;
    loop {
        let server = start();
        match ready(&server) {
            Ok(()) => return server,
            Err(why) if why.contains("ddress already in use") && tries.next().is_some() => {}
            Err(why) => panic!("{why}"),
        }
    }
}

impl Process {
    /// Prepares a server without starting it. `folder` becomes its working directory, and is
    /// removed with it. `answers` asks the server for a sign of life, and waits for it briefly.
    pub(crate) fn new(
        program: &Path,
        args: &[&OsStr],
        folder: PathBuf,
        answers: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let guard = Mutex::new(Guard::new(program, args, &folder));
        Self { watch: Watch::new(folder.clone(), answers), folder, guard }
    }

    /// Starts the server, and returns before it is ready.
    pub(crate) fn start(&self) {
        self.guard().start();
    }

    /// Kills the server with -9 and returns when it has ended. The folder remains.
    pub(crate) fn kill(&self) {
        self.watch.end();
        self.guard().kill();
    }

    pub(crate) fn is_started(&self) -> bool {
        self.guard().server().is_some()
    }

    /// # Panics
    /// If the server was killed.
    pub(crate) fn pid(&self) -> u32 {
        self.guard().server().expect("the server was killed")
    }

    /// Waits until the server is ready. From then on it must run and answer, unless it is killed or
    /// paused: see [`Watch`]. If it does not become ready, the error contains the end of its output.
    pub(crate) fn until_ready(&self, mut is_ready: impl FnMut() -> bool) -> Result<(), String> {
        let pid = self.pid();
        let ended =
            within(PATIENCE, || if is_ready() { Some(false) } else { has_ended(pid).then_some(true) });
        let why = match ended {
            Some(false) => {
                self.watch.begin(pid);
                return Ok(());
            }
            Some(true) => "ended",
            None => "did not become ready",
        };
        Err(format!("the server in {} {why}:\n{}", self.folder.display(), self.log_tail()))
    }

    pub(crate) fn pause(&self) {
        self.watch.end();
        let pid = self.pid();
        signal(pid, Signal::STOP).expect("the server has ended");
        // The signal does not take effect at once.
        wait_until("the server stands still", || {
            stat(pid).is_none_or(|stat| stat[0].starts_with(['T', 't']))
        });
    }

    pub(crate) fn resume(&self) {
        let pid = self.pid();
        signal(pid, Signal::CONT).expect("the server has ended");
        self.watch.begin(pid);
    }

    /// The CPU time of the process, in user and kernel mode, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = stat(self.pid()).expect("only Linux has /proc");
        // utime and stime are fields 14 and 15 of the line, of which `stat` starts with the third.
        let ticks: u64 = stat[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// The end of the server's output.
    pub(crate) fn log_tail(&self) -> String {
        log_tail(&self.folder)
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        // A poisoned lock is ignored: the server must end even if a test has panicked with the lock
        // held.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a server has ended. Always false on systems other than Linux.
pub(crate) fn has_ended(pid: u32) -> bool {
    cfg!(target_os = "linux") && stat(pid).is_none_or(|stat| stat[0] == "Z")
}

/// # Errors
/// If the process has ended.
pub(crate) fn signal(pid: u32, signal: Signal) -> rustix::io::Result<()> {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal)
}

/// The last lines of the output of the server in this folder; if it crashed, from the cause on.
pub(crate) fn log_tail(folder: &Path) -> String {
    /// How the traces of servers begin, which are far longer than the lines before.
    const CRASHES: [&str; 4] = ["panic:", "fatal error:", "SIG", "=== REDIS BUG REPORT START"];
    const LINES: usize = 20;
    const LINES_OF_A_CRASH: usize = 2_000;
    let log = fs::read(folder.join("log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<_> = log.lines().collect();
    let crash = lines.iter().position(|line| CRASHES.iter().any(|crash| line.starts_with(crash)));
    let from = crash.unwrap_or(lines.len()).saturating_sub(LINES);
    lines[from..].iter().take(LINES + LINES_OF_A_CRASH).copied().collect::<Vec<_>>().join("\n")
}

/// The fields of a process' line in /proc, starting with the state. The fields before it are left
/// out, since they may contain spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}
