//! The limit: plain `SET`s of 100 bytes.

use crate::Outcome;
use crate::cpu;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:__rand_int__\r\n$100\r\n\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
const OK: usize = b"+OK\r\n".len();

/// The results of plain `SET`s.
pub struct Sets {
    pub count: usize,
    pub per_second: f64,
    /// The median latency, in microseconds.
    pub p50: f64,
}

/// Sends them by `redis-benchmark` if it is on PATH, otherwise by a loop of our own.
pub struct Raw {
    port: u16,
    has_program: bool,
}

impl Raw {
    pub fn new(port: u16) -> Self {
        let has_program = Command::new("redis-benchmark").arg("--version").output().is_ok();
        Self { port, has_program }
    }

    pub fn what(&self) -> &'static str {
        if self.has_program { "limit: redis-benchmark" } else { "limit: our own loop of SETs" }
    }

    /// With 64 in a pipeline, on 8 connections, all of the same key.
    pub fn pipelined(&self, quick: bool) -> Outcome<Sets> {
        self.sets(if quick { 200_000 } else { 500_000 }, 8, 64, 1)
    }

    /// The same with random keys; only `redis-benchmark` can do it.
    pub fn spread(&self, quick: bool, keys: usize) -> Outcome<Option<Sets>> {
        let sets = || self.sets(if quick { 200_000 } else { 500_000 }, 8, 64, keys);
        self.has_program.then(sets).transpose()
    }

    /// One at a time, on one connection.
    pub fn alone(&self, quick: bool) -> Outcome<Sets> {
        self.sets(if quick { 5_000 } else { 20_000 }, 1, 1, 1)
    }

    fn sets(&self, count: usize, connections: usize, pipeline: usize, keys: usize) -> Outcome<Sets> {
        if !self.has_program {
            return own(self.port, count, connections, pipeline);
        }
        let port = self.port;
        let options =
            format!("-t set -d 100 --csv -p {port} -n {count} -c {connections} -P {pipeline} -r {keys}");
        let output = Command::new("redis-benchmark").args(options.split(' ')).output()?;
        let output = String::from_utf8(output.stdout)?;
        let line = output.lines().find(|line| line.starts_with("\"SET\"")).ok_or("redis-benchmark failed")?;
        let number = |at| line.split(',').nth(at).map(|field: &str| field.trim_matches('"').parse::<f64>());
        let (Some(per_second), Some(p50)) = (number(1), number(4)) else {
            return Err("redis-benchmark printed something else".into());
        };
        Ok(Sets { count, per_second: per_second?, p50: p50? * 1e3 })
    }
}

/// One thread per connection.
fn own(port: u16, count: usize, connections: usize, pipeline: usize) -> Outcome<Sets> {
    let rounds = count / connections / pipeline;
    let start = cpu::wall();
    let threads: Vec<_> =
        (0..connections).map(|_| std::thread::spawn(move || send(port, rounds, pipeline))).collect();
    let mut taken = Vec::new();
    for thread in threads {
        taken.extend(thread.join().map_err(|_| "a thread panicked")??);
    }
    let seconds = (cpu::wall() - start) as f64 / 1e9;
    let count = rounds * connections * pipeline;
    Ok(Sets { count, per_second: count as f64 / seconds, p50: cpu::median(taken) })
}

/// Microseconds of each round.
fn send(port: u16, rounds: usize, pipeline: usize) -> std::io::Result<Vec<f64>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_nodelay(true)?;
    let (sets, mut answers) = (SET.repeat(pipeline), vec![0; OK * pipeline]);
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = cpu::wall();
        connection.write_all(&sets)?;
        connection.read_exact(&mut answers)?;
        taken.push((cpu::wall() - start) as f64 / 1e3);
    }
    Ok(taken)
}
