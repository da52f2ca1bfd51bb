//! Runs a server in a separate process, so that its cost is measured without that of the clients.

use crate::{Outcome, served};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Runs until it is dropped, or until this process ends: its input is a pipe from here.
pub struct Served {
    process: Child,
    /// `None` once it was asked to end.
    input: Option<ChildStdin>,
    pub address: SocketAddr,
}

impl Served {
    /// Starts a server and waits until it listens.
    pub fn start(case: &str, size: usize) -> Outcome<Self> {
        Self::run(Command::new(std::env::current_exe()?).args(["served", case, &size.to_string()]), case)
    }

    /// Starts another program, and waits until it prints its address. It sends a message of `size`
    /// bytes every 100 ms; none if `size` is 0.
    pub fn peer(program: &Path, size: usize) -> Outcome<Self> {
        let frame = if size == 0 { String::new() } else { size.to_string() };
        Self::run(Command::new(program).env("FRAME", frame), &program.display().to_string())
    }

    /// Starts a server under callgrind, which writes `profile` once the server has
    /// [finished](Self::finish).
    pub fn profiled(case: &str, size: usize, profile: &Path) -> Outcome<Self> {
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind"]);
        command.arg(format!("--callgrind-out-file={}", profile.display()));
        command.arg(std::env::current_exe()?).args(["served", case, &size.to_string()]);
        Self::run(&mut command, case)
            .map_err(|error| format!("valgrind (package `valgrind`): {error}").into())
    }

    /// Ends it regularly.
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

    /// Nanoseconds of processor time of its main thread, which does all the work.
    pub fn cpu(&self) -> Outcome<u64> {
        Ok(self.times()?.0)
    }

    /// The same, and how long it was ready to run without a processor.
    pub fn times(&self) -> Outcome<(u64, u64)> {
        times(self.process.id())
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> Outcome<usize> {
        resident(&self.process.id().to_string())
    }

    /// Advances its clock by 30 s.
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

/// Nanoseconds of processor time of a process's main thread, and how long it was ready to run
/// without a processor.
pub fn times(process: u32) -> Outcome<(u64, u64)> {
    let file = format!("/proc/{process}/schedstat");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let mut times = text.split(' ').map(str::parse);
    let mut next = || times.next().ok_or("no times in schedstat");
    Ok((next()??, next()??))
}

/// The resident memory of a process, in bytes; `self` is this process.
pub fn resident(process: &str) -> Outcome<usize> {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages: usize = statm.split(' ').nth(1).ok_or("no resident set")?.parse()?;
    Ok(pages * rustix::param::page_size())
}

/// Raises the limit of open files (and so of sockets) for this process and its children, as far as
/// the system permits.
pub fn open_many_files(wanted: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < wanted as u64) {
        println!("only {most} open files are permitted (`ulimit -Hn`), {wanted} are wanted");
    }
}
