//! The effect of readers that stop reading, on the others and on the server.

use super::{LARGE, Readers, TICK};
use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, options::Options};
use std::time::Duration;

/// One in this many readers stops.
const ONE_OF: usize = 10;

pub fn run(options: &Options) -> Outcome {
    let server = Served::start("ticker", LARGE)?;
    let mut readers = Readers::connect(server.address, options.clients)?;
    let (frame, stalled) = (readers.frame, options.clients / ONE_OF);
    report::section(&format!(
        "{stalled} of {} readers stop reading, {frame} B each tick; the limit is when all read",
        options.clients
    ));
    let time = Duration::from_secs(if options.quick { 1 } else { 4 });
    let all = measure(&server, &mut readers, time)?;
    let (memory, kernel) = (server.resident()?, kernel()?);
    let kept = readers.stall(stalled)?;
    // Until the kernel's buffers are full: some 10 to 20 frames.
    readers.read_for(TICK * 25)?;
    let rest = measure(&server, &mut readers, time)?;
    let target = Target::AtLeast(0.98);
    report::beside(
        "events that each of the other readers receives",
        (rest.share, all.share),
        "%",
        rest.share / all.share,
        &target,
    );
    let target = Target::AtMost(1.2);
    report::beside(
        "CPU of the server for each event",
        (rest.each, all.each),
        "us",
        rest.each / all.each,
        &target,
    );
    report::beside(
        "from the tick to the last of the others, wall",
        (rest.last, all.last),
        "ms",
        rest.last / all.last,
        &Target::None,
    );
    let grew = |now: usize, before: usize| now.saturating_sub(before) as f64 / stalled as f64 / 1e3;
    let what = "memory of the server for each that stopped";
    report::alone(what, grew(server.resident()?, memory), "kB", &Target::ValueAtMost(100.0));
    let kernel = grew(self::kernel()?, kernel);
    report::alone("memory of the kernel for each, both ends", kernel, "kB", &Target::None);
    drop(kept);
    Ok(())
}

struct Delivery {
    /// The percentage of events that a reader gets; the fastest one gets all.
    share: f64,
    each: f64,
    last: f64,
}

fn measure(server: &Served, readers: &mut Readers, time: Duration) -> Outcome<Delivery> {
    readers.finish_tick()?;
    let cpu = server.cpu()?;
    readers.read_for(time)?;
    let cpu = (server.cpu()? - cpu) as f64;
    let got = readers.got() as f64;
    let share = got / readers.fastest() as f64 / readers.len() as f64 * 100.0;
    Ok(Delivery { share, each: cpu / 1e3 / got, last: readers.last()? })
}

/// The bytes of all TCP sockets of this machine in the kernel.
fn kernel() -> Outcome<usize> {
    let text = std::fs::read_to_string("/proc/net/sockstat")?;
    let tcp = text.lines().find(|line| line.starts_with("TCP:")).ok_or("no sockets")?;
    let pages: usize = tcp.rsplit(' ').next().ok_or("no memory of sockets")?.parse()?;
    Ok(pages * rustix::param::page_size())
}
