//! File descriptors: how many connections they allow, and one kept back to refuse with.

use std::fs::File;

/// Descriptors reserved for everything that is not a connection of this server: stores, files,
/// clients that are being refused.
const RESERVE: usize = 128;

/// The number of connections that may be open: `wanted`, or fewer if the process does not have that
/// many file descriptors.
///
/// Raises the soft limit of the process to its hard limit first, and logs once if that
/// is not enough.
pub(super) fn connections(wanted: usize) -> usize {
    let Some(limit) = raised(wanted) else { return wanted };
    // Descriptors that are already open are not available.
    let open = std::fs::read_dir("/dev/fd").map_or(RESERVE, Iterator::count);
    let room = limit.saturating_sub(open + RESERVE.min(limit / 4)).max(1);
    if room >= wanted {
        return wanted;
    }
    tracing::warn!(
        max_connections = room,
        wanted,
        open_files = limit,
        "fewer connections than configured: raise the limit of open files (ulimit -n, LimitNOFILE)"
    );
    room
}

/// Raises the soft limit of open files and returns it; `None` if there is no limit, or if the
/// system does not report it.
#[cfg(unix)]
fn raised(wanted: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let soft = current?;
    let needed = u64::try_from(wanted + 4 * RESERVE).unwrap_or(u64::MAX);
    let target = maximum.map_or(needed, |hard| hard.min(needed)).max(soft);
    // A system that refuses (macOS has a limit of its own) leaves the limit where it was.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum }).is_ok();
    usize::try_from(if raised { target } else { soft }).ok()
}

#[cfg(not(unix))]
fn raised(_wanted: usize) -> Option<usize> {
    None
}

/// A reserved descriptor, so that a client can be refused when there are no others left.
///
/// Without it, a process that has run out of descriptors could not accept a connection even to
/// refuse it, and clients would hang.
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Self {
        let mut spare = Self(None);
        spare.keep();
        spare
    }

    /// Closes the spare descriptor, so that one connection can be accepted. Returns whether there
    /// was one.
    pub(super) fn give_up(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Opens the spare descriptor again.
    pub(super) fn keep(&mut self) {
        if self.0.is_none() {
            self.0 = File::open("/dev/null").ok();
        }
    }
}
