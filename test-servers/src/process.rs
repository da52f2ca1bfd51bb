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
};

/// A server's process, and its folder.
#[derive(Debug)]
pub(crate) struct Process {
    folder: PathBuf,
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
    /// removed with it.
    pub(crate) fn new(program: &Path, args: &[&OsStr], folder: PathBuf) -> Self {
        let guard = Mutex::new(Guard::new(program, args, &folder));
        Self { folder, guard }
    }

    /// Starts the server, and returns before it is ready.
    pub(crate) fn start(&self) {
        self.guard().start();
    }

    /// Kills the server with -9 and returns when it has ended. The folder remains.
    pub(crate) fn kill(&self) {
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

    /// Waits until the server is ready. If it does not become ready, the error contains the end of
    /// its output.
    pub(crate) fn until_ready(&self, mut is_ready: impl FnMut() -> bool) -> Result<(), String> {
        let ended =
            within(PATIENCE, || if is_ready() { Some(false) } else { self.has_ended().then_some(true) });
        let why = match ended {
            Some(false) => return Ok(()),
            Some(true) => "ended",
            None => "did not become ready",
        };
        Err(format!("the server in {} {why}:\n{}", self.folder.display(), self.log_tail()))
    }

    /// Whether the server has ended by itself. Always false on systems other than Linux.
    fn has_ended(&self) -> bool {
        cfg!(target_os = "linux") && self.stat().is_none_or(|stat| stat[0] == "Z")
    }

    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        // The signal does not take effect at once.
        wait_until("the server stands still", || {
            self.stat().is_none_or(|stat| stat[0].starts_with(['T', 't']))
        });
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The CPU time of the process, in user and kernel mode, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.stat().expect("only Linux has /proc");
        // utime and stime are fields 14 and 15 of the line, of which `stat` starts with the third.
        let ticks: u64 = stat[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// The last lines of the server's output.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The fields of the server's line in /proc, starting with the state. The fields before it are
    /// left out, since they may contain spaces.
    fn stat(&self) -> Option<Vec<String>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        Some(fields.split(' ').map(str::to_owned).collect())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).expect("the server has ended");
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        // A poisoned lock is ignored: the server must end even if a test has panicked with the lock
        // held.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
