use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::exit,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    patience::within,
    process::{has_ended, log_tail, signal},
};

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// After this number of looks without an answer, about 30 s, the server is reported.
const LOOKS: u32 = 6;

/// How long a server may take to write where it hangs.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Watches a server from a thread. If the server ends or hangs although no test has stopped it,
/// the process of the tests is ended at once, with the end of the server's log. Otherwise every
/// later test on that server would fail by a timeout, and none would say why.
pub(crate) struct Watch(Arc<Watched>);

struct Watched {
    folder: PathBuf,
    /// Whether the server answers a request within a short time.
    answers: Box<dyn Fn() -> bool + Send + Sync>,
    /// The process that must run and answer; `None` while a test has stopped it. The lock is held
    /// during a look, so that a server that is stopped afterwards is not reported.
    pid: Mutex<Option<u32>>,
}

impl Watch {
    pub(crate) fn new(folder: PathBuf, answers: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let watched = Arc::new(Watched { folder, answers: Box::new(answers), pid: Mutex::new(None) });
        let weak = Arc::downgrade(&watched);
        thread::spawn(move || {
            let mut unanswered = 0;
            loop {
                thread::sleep(LOOK_EVERY);
                let Some(watched) = weak.upgrade() else { return };
                if let Some(report) = watched.look(&mut unanswered) {
                    // Not by a macro, which would write to the captured output of a test.
                    let _ = io::stderr().write_all(report.as_bytes());
                    exit(101);
                }
            }
        });
        Self(watched)
    }

    /// From now on the server must run and answer.
    pub(crate) fn begin(&self, pid: u32) {
        *self.0.pid() = Some(pid);
    }

    /// From now on the server may be stopped.
    pub(crate) fn end(&self) {
        *self.0.pid() = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.pid).finish()
    }
}

impl Watched {
    fn pid(&self) -> MutexGuard<'_, Option<u32>> {
        self.pid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a report if the server has failed.
    fn look(&self, unanswered: &mut u32) -> Option<String> {
        let pid = self.pid();
        let Some(pid) = *pid else {
            *unanswered = 0;
            return None;
        };
        if has_ended(pid) {
            return Some(self.report("has ended, and no test has stopped it"));
        }
        *unanswered = if (self.answers)() { 0 } else { *unanswered + 1 };
        if *unanswered < LOOKS {
            return None;
        }
        // A server written in Go then writes what each of its goroutines waits for. One that is
        // suspended does so when it is resumed.
        let _ = (signal(pid, Signal::QUIT), signal(pid, Signal::CONT));
        within(LAST_WORDS, || has_ended(pid).then_some(()));
        Some(self.report("does not answer, and no test has stopped it"))
    }

    fn report(&self, what: &str) -> String {
        let folder = &self.folder;
        format!("\nthe server in {} {what}. The end of its log:\n{}\n", folder.display(), log_tail(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, id};

    fn watched(pid: u32, answers: bool) -> Watched {
        Watched { folder: PathBuf::new(), answers: Box::new(move || answers), pid: Mutex::new(Some(pid)) }
    }

    #[test]
    fn a_server_that_answers_and_one_that_a_test_has_stopped_are_not_reported() {
        let (working, stopped) = (watched(id(), true), watched(id(), false));
        *stopped.pid() = None;
        for watched in [working, stopped] {
            let mut unanswered = LOOKS - 1;
            assert_eq!(watched.look(&mut unanswered), None);
            assert_eq!(unanswered, 0);
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_reported_after_some_looks() {
        let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
        let (server, mut unanswered) = (watched(sleep.id(), false), 0);
        for _ in 1..LOOKS {
            assert_eq!(server.look(&mut unanswered), None);
        }
        assert!(server.look(&mut unanswered).unwrap().contains("does not answer"));
        assert!(!sleep.wait().unwrap().success(), "it was asked to write where it hangs");
    }
}
