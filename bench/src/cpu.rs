//! Wall time, and processor time, which is less affected by a busy machine.

use rustix::time::{ClockId, Timespec, clock_gettime};

fn nanos(Timespec { tv_sec, tv_nsec }: Timespec) -> u64 {
    u64::try_from(tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(tv_nsec).unwrap_or(0)
}

/// Nanoseconds of wall time.
pub fn wall() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds of processor time of this thread.
pub fn thread() -> u64 {
    nanos(clock_gettime(ClockId::ThreadCPUTime))
}

/// Nanoseconds of processor time that `work` takes on this thread.
pub fn of(work: impl FnOnce()) -> u64 {
    let start = thread();
    work();
    thread() - start
}

/// The median.
pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures two things alternately, `rounds` times. Returns the median of each.
pub fn in_turn(rounds: usize, mut ours: impl FnMut() -> f64, mut limit: impl FnMut() -> f64) -> (f64, f64) {
    let mut both: (Vec<f64>, Vec<f64>) = Default::default();
    for _ in 0..rounds {
        both.0.push(ours());
        both.1.push(limit());
    }
    (median(both.0), median(both.1))
}
