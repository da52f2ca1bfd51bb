//! Streams of job status, compared with a loop that writes the same bytes to every socket, and with
//! a bare `PUBLISH`.

mod across;
mod viewers;

use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options, process, sse};
use std::time::Duration;
use viewers::{Publisher, Viewers};

/// The approximate size of an update in its frame, in bytes.
const FRAME: usize = 200;
/// The number of idle viewers for the measurement of memory.
const IDLE: usize = 5_000;
/// The maximum number of viewers of one job, and the number of jobs with two viewers each.
const MANY: usize = 10_000;
const JOBS: usize = 5_000;
/// The time limit until all viewers have an update.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(options: &Options) -> Outcome {
    process::open_many_files(MANY + 500);
    report::head(&format!("job events, {} viewers", options.clients), options.rounds);
    one_job(options, options.clients)?;
    if !options.quick {
        one_job(options, MANY)?;
        many_jobs()?;
    }
    idle(if options.quick { IDLE / 5 } else { IDLE })?;
    resumes(options)?;
    across::run(options)
}

/// Updates of one job that all viewers watch.
fn one_job(options: &Options, clients: usize) -> Outcome {
    report::section(&format!(
        "updates of {FRAME} B, {clients} viewers of one job; the limit is a loop of write(2)"
    ));
    let ticks = if options.quick { 10 } else { 20 };
    let (mut ours, mut limit, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let server = Served::start("jobs", 0)?;
        let mut viewers = Viewers::open(server.address, std::iter::repeat_n("j", clients))?;
        let mut publisher = Publisher::to(server.address)?;
        let cpu = server.cpu()?;
        let mut walls = Vec::new();
        for tick in 0..ticks {
            let told_at = cpu::wall();
            publisher.update("j", tick)?;
            viewers.take(clients, PATIENCE)?;
            walls.push((cpu::wall() - told_at) as f64 / 1e6);
        }
        ours.push((server.cpu()? - cpu) as f64 / 1e3 / (ticks * clients) as f64);
        last.push(cpu::median(walls));
        // Frees the sockets for the other measurement.
        drop((server, viewers, publisher));
        limit.push(sse::plain(FRAME, clients, ticks)?);
    }
    let each = (cpu::median(ours), cpu::median(limit));
    report::beside("CPU of the server for each delivery", each, "us", each.0 / each.1, &Target::AtMost(1.8));
    report::alone("from the update to the last viewer, wall", cpu::median(last), "ms", &Target::None);
    Ok(())
}

/// One update of each of many jobs with two viewers.
fn many_jobs() -> Outcome {
    report::section(&format!("{JOBS} jobs with two viewers each, one update of each"));
    let server = Served::start("jobs", 0)?;
    let names: Vec<String> = (0..JOBS).map(|n| format!("job-{n}")).collect();
    let before = server.resident()?;
    let twice = names.iter().chain(&names).map(String::as_str);
    let mut viewers = Viewers::open(server.address, twice)?;
    let waits = server.resident()?.saturating_sub(before) as f64 / (2 * JOBS) as f64 / 1024.0;
    let mut publisher = Publisher::to(server.address)?;
    let (cpu, wall) = (server.cpu()?, cpu::wall());
    for name in &names {
        publisher.update(name, 1)?;
        viewers.glance()?;
    }
    viewers.take(2 * JOBS, PATIENCE)?;
    let (cpu, wall) = ((server.cpu()? - cpu) as f64, (cpu::wall() - wall) as f64);
    report::alone(
        "CPU of the server for an update and its two deliveries",
        cpu / 1e3 / JOBS as f64,
        "us",
        &Target::None,
    );
    report::alone("updates a second, by one publisher", JOBS as f64 / (wall / 1e9), "/s", &Target::None);
    report::alone("memory of the server for each viewer", waits, "KiB", &Target::ValueAtMost(16.0));
    Ok(())
}

/// The memory of an idle viewer.
fn idle(clients: usize) -> Outcome {
    report::section(&format!("{clients} idle viewers"));
    let server = Served::start("jobs", 0)?;
    let before = server.resident()?;
    let viewers = Viewers::open(server.address, std::iter::repeat_n("j", clients))?;
    let waits = server.resident()?.saturating_sub(before) as f64 / clients as f64 / 1024.0;
    report::alone("memory of the server for each viewer", waits, "KiB", &Target::ValueAtMost(16.0));
    drop(viewers);
    Ok(())
}

/// A viewer resumes and gets five updates; compared with a request for the job's status.
fn resumes(options: &Options) -> Outcome {
    let rounds = if options.quick { 200 } else { 1_000 };
    report::section(
        "a resume that gets five updates; the limit is a GET of the status, both on a new connection",
    );
    let server = Served::start("jobs", 0)?;
    let mut publisher = Publisher::to(server.address)?;
    publisher.update("j", 0)?;
    let id = viewers::first_id(server.address, "j")?;
    for step in 1..=5 {
        publisher.update("j", step)?;
    }
    let measure = |call: &dyn Fn() -> Outcome| -> Outcome<f64> {
        let cpu = server.cpu()?;
        for _ in 0..rounds {
            call()?;
        }
        Ok((server.cpu()? - cpu) as f64 / 1e3 / f64::from(rounds))
    };
    let ours = measure(&|| viewers::resume(server.address, "j", &id, 5))?;
    let limit = measure(&|| viewers::get(server.address, "/api/v1/jobs/j"))?;
    report::beside("CPU of the server for each", (ours, limit), "us", ours / limit, &Target::None);
    Ok(())
}
