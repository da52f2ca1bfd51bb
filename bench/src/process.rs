//! A server in a process of its own, so that what it costs is told apart from what its clients
//! cost.

use crate::{Outcome, served};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs until it is dropped, or until we end: it reads from us.
pub struct Served {
    process: Child,
    /// `None` once it has been told to end.
    input: Option<ChildStdin>,
    pub address: SocketAddr,
}

impl Served {
    /// Starts a server and waits until it listens.
    pub fn start(case: &str, size: usize) -> Outcome<Self> {
        Self::run(Command::new(std::env::current_exe()?).args(["served", case, &size.to_string()]), case)
    }

    /// Starts a server that is no part of this program, and waits until it prints where it listens.
    pub fn rival(program: &Path, size: usize) -> Outcome<Self> {
        Self::run(Command::new(program).arg(size.to_string()), &program.display().to_string())
    }

    /// Starts a server under callgrind, which writes to `profile` once it has
    /// [finished](Self::finish).
    pub fn profiled(case: &str, size: usize, profile: &Path) -> Outcome<Self> {
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind"]);
        command.arg(format!("--callgrind-out-file={}", profile.display()));
        command.arg(std::env::current_exe()?).args(["served", case, &size.to_string()]);
        Self::run(&mut command, case)
            .map_err(|error| format!("valgrind (package `valgrind`): {error}").into())
    }

    /// Ends it in order.
    pub fn finish(&mut self) -> Outcome {
        self.input = None;
        let ended = self.process.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("a server ended with {ended}").into()) }
    }

    fn run(command: &mut Command, name: &str) -> Outcome<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = Some(process.stdin.take().ok_or("no pipe to the server")?);
        let output = process.stdout.take().ok_or("no pipe from the server")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().parse().map_err(|_| format!("{name} did not start"))?;
        Ok(Self { process, input, address })
    }

    /// Nanoseconds for which its main thread, which does all the work, had a processor.
    pub fn cpu(&self) -> Outcome<u64> {
        Ok(self.times()?.0)
    }

    /// The same, and for how long it had work and no processor.
    pub fn times(&self) -> Outcome<(u64, u64)> {
        times(self.process.id())
    }

    /// The bytes of memory that it has.
    pub fn resident(&self) -> Outcome<usize> {
        resident(&self.process.id().to_string())
    }

    /// Lets 30 s pass for it.
    pub fn jump(&mut self) -> Outcome {
        let input = self.input.as_mut().ok_or("the server has ended")?;
        input.write_all(served::JUMP.as_bytes())?;
        Ok(input.flush()?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Nanoseconds for which a process's main thread had a processor, and for which it had work and
/// none.
pub fn times(process: u32) -> Outcome<(u64, u64)> {
    let file = format!("/proc/{process}/schedstat");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let mut times = text.split(' ').map(str::parse);
    let mut next = || times.next().ok_or("no times in schedstat");
    Ok((next()??, next()??))
}

/// The bytes of memory that a process has; `self` is this one.
pub fn resident(process: &str) -> Outcome<usize> {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages: usize = statm.split(' ').nth(1).ok_or("no resident set")?.parse()?;
    Ok(pages * rustix::param::page_size())
}

/// Lets this process and those that it starts open as many files as the system permits it to: a
/// socket is one.
pub fn open_many_files(wanted: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < wanted as u64) {
        println!("only {most} open files are permitted (`ulimit -Hn`), {wanted} are wanted");
    }
}
