use std::{
    thread,
    time::{Duration, Instant},
};

/// The time limit of everything that a server must do, even on a machine that compiles at
/// the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Repeats `ask` until it returns a value; `None` if there is none within `limit`.
///
/// ```
/// # use std::time::Duration;
/// let mut asked = 0;
/// let answer = test_servers::within(Duration::from_secs(5), || {
///     asked += 1;
///     (asked == 3).then_some(asked)
/// });
/// assert_eq!(answer, Some(3));
/// ```
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun_at = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if begun_at.elapsed() >= limit {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Repeats `ask` until it returns true.
///
/// # Panics
/// If it does not return true within the time limit. The message contains `what`.
pub(crate) fn wait_until(what: &str, mut ask: impl FnMut() -> bool) {
    let came = within(PATIENCE, || ask().then_some(()));
    assert!(came.is_some(), "waited {} s in vain until {what}", PATIENCE.as_secs());
}
