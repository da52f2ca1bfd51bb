use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The guard of a server: a shell script that starts and kills the server when its input has these
/// orders. Its input ends when the handle is dropped or the process of the tests ends, whatever
/// signal ended it. Then the script kills the server and removes the folder.
const SCRIPT: &str = r#"
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

/// The shell that runs a server.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: Option<u32>,
}

impl Guard {
    pub(crate) fn new(program: &Path, args: &[&OsStr], folder: &Path) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .arg(program)
            .args(args)
            .current_dir(folder)
            // In a process group of its own, so that Ctrl-C does not end the guard: it must kill
            // the server after the tests have ended.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is no sh");
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        Self { shell, orders, answers, server: None }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        self.server = Some(self.order("start").parse().unwrap());
    }

    pub(crate) fn kill(&mut self) {
        self.order("kill");
        self.server = None;
    }

    /// The process id of the server; `None` after it was killed.
    pub(crate) fn server(&self) -> Option<u32> {
        self.server
    }

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
        // When the guard has ended, it has killed the server and removed the folder.
        let _ = self.shell.wait();
    }
}
