use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio, id},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Starts and kills the server as it is told to. When its orders end, because the handle was dropped or because the process that
/// held it is gone, it kills the server and removes the folder: no signal to us can keep it from that.
const GUARD: &str = r#"
server=
stop() { [ -z "$server" ] || { kill -9 "$server"; wait "$server"; server=; }; }
while read -r order; do
  case $order in
    start) "$@" </dev/null >>log 2>&1 & server=$!; echo "$server" ;;
    kill) stop; echo killed ;;
  esac
done
stop
rm -rf "$PWD"
"#;

/// A server's process, and the folder that it lives in.
#[derive(Debug)]
pub(crate) struct Process {
    folder: PathBuf,
    guard: Mutex<Guard>,
}

#[derive(Debug)]
struct Guard {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: Option<u32>,
}

/// Makes a folder for one server.
pub(crate) fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!("presence-{}-{}", id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        // One that is there was left by a process that had our id before.
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => break made.map(|()| folder).expect("the folder of temporary files cannot be written"),
        }
    }
}

impl Process {
    /// A server that is not yet started; `folder` is its working directory, and its own.
    pub(crate) fn new(program: &Path, args: &[&OsStr], folder: PathBuf) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(args)
            .current_dir(&folder)
            // Ctrl-C is for the tests. The guard must outlive them, by a moment.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is no sh");
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        Self { folder, guard: Mutex::new(Guard { shell, orders, answers, server: None }) }
    }

    /// Starts the server, and returns before it is ready.
    pub(crate) fn start(&self) {
        let mut guard = self.guard();
        assert!(guard.server.is_none(), "the server runs already");
        guard.server = Some(guard.order("start").parse().unwrap());
    }

    /// Kills the server with -9 and returns when nothing of it is left but its folder.
    pub(crate) fn kill(&self) {
        let mut guard = self.guard();
        guard.order("kill");
        guard.server = None;
    }

    pub(crate) fn is_started(&self) -> bool {
        self.guard().server.is_some()
    }

    /// # Panics
    /// Where the server was killed.
    pub(crate) fn pid(&self) -> u32 {
        self.guard().server.expect("the server was killed")
    }

    /// Whether it ended by itself, as far as the system tells.
    pub(crate) fn has_ended(&self) -> bool {
        cfg!(target_os = "linux") && self.stat().is_none_or(|stat| stat[0] == "Z")
    }

    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        // The signal stops it soon, not at once.
        crate::patience::wait_until("the server stands still", || {
            self.stat().is_none_or(|stat| stat[0].starts_with(['T', 't']))
        });
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The time it has spent on the CPU, in itself and in the kernel, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.stat().expect("only Linux has /proc");
        // utime and stime are fields 14 and 15 of the line; ours begin with the third.
        let ticks: u64 = stat[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// What the server wrote last.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The fields of its line in /proc from its state on; those before it may hold spaces.
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
        // A test that failed with the lock in its hands still gets its server ended.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    fn order(&mut self, order: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{order}").expect("the guard is gone");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the guard is gone");
        answer.trim().to_owned()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.orders = None;
        // By then the server is gone and the folder with it.
        let _ = self.shell.wait();
    }
}
