use super::Nats;
use crate::Proxy;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A proxy in front of a server that makes the server's clock appear to step: it shifts each time
/// in the server's messages by the error that the clock had at that time.
///
/// The clock of NATS itself cannot be set, since it reads the clock of the kernel directly. The
/// times in its messages are consistent: two messages about the same time show the same time, even
/// if the clock stepped in between. Only the maximum age of messages follows the real time.
#[derive(Debug)]
pub struct FalseClock {
    proxy: Proxy,
    steps: Arc<Mutex<Steps>>,
}

/// The steps of the clock. Each has a time, and the seconds by which the clock is ahead
/// from then on.
#[derive(Debug, Default)]
struct Steps(Vec<(Duration, i64)>);

impl FalseClock {
    /// Starts in front of this server, with the right time at first.
    pub fn before(server: &Nats) -> Self {
        let steps: Arc<Mutex<Steps>> = Arc::default();
        let shared = Arc::clone(&steps);
        let proxy = Proxy::rewriting(server.port(), move |data| lock(&shared).shift(data));
        Self { proxy, steps }
    }

    /// The URL by which clients reach the server through the proxy.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.proxy.port())
    }

    /// Sets the clock this many seconds ahead of the machine's, or behind it, in one step.
    pub fn set(&self, ahead: i64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        lock(&self.steps).0.push((now, ahead));
    }
}

fn lock(steps: &Mutex<Steps>) -> MutexGuard<'_, Steps> {
    steps.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The format in which the server writes a time, up to the seconds.
const PATTERN: &[u8] = b"0000-00-00T00:00:00";

impl Steps {
    /// Shifts all times, and returns how many bytes of the data can be forwarded. An incomplete
    /// time at the end is held back until the rest has arrived.
    fn shift(&self, data: &mut [u8]) -> usize {
        let mut at = 0;
        while at < data.len() {
            let rest = &data[at..];
            let matching = rest.iter().zip(PATTERN).take_while(|(byte, of)| is_like(**byte, **of)).count();
            if matching == PATTERN.len() {
                self.shift_one(&mut data[at..at + PATTERN.len()]);
                at += PATTERN.len();
            } else if matching == rest.len() {
                return at;
            } else {
                at += 1;
            }
        }
        data.len()
    }

    fn shift_one(&self, text: &mut [u8]) {
        let Some(seconds) = read(text) else { return };
        let then = Duration::from_secs(seconds);
        let ahead = self.0.iter().rev().find(|(from, _)| *from <= then).map_or(0, |(_, ahead)| *ahead);
        text.copy_from_slice(written(seconds.saturating_add_signed(ahead)).as_bytes());
    }
}

fn is_like(byte: u8, pattern: u8) -> bool {
    if pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern }
}

/// Seconds since the Unix epoch; `None` for invalid and earlier times.
fn read(text: &[u8]) -> Option<u64> {
    let number = |from: usize, to: usize| std::str::from_utf8(&text[from..to]).ok()?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Counts years from March, so that the leap day is the last day of a year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = (365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day).checked_sub(719_469)?;
    Some(((days * 24 + number(11, 13)?) * 60 + number(14, 16)?) * 60 + number(17, 19)?)
}

fn written(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    // Counts eras of 400 years, each from the first of March.
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_868_799, "2000-02-29T23:59:59"),
            (1_795_198_690, "2026-11-20T18:18:10"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!((read(text.as_bytes()), written(seconds)), (Some(seconds), text.to_owned()));
        }
    }

    #[test]
    fn each_time_is_shifted_by_the_error_of_the_clock_at_that_time() {
        let steps = Steps(vec![
            (Duration::from_secs(1_795_198_690), -45),
            (Duration::from_secs(1_795_198_700), 3_600),
        ]);
        let mut data = b"{\"created\":\"2026-11-20T18:18:09.5Z\",\"ts\":\"2026-11-20T18:18:10.389Z\"} \
            2026-11-20T18:18:20Z 0001-01-01T00:00:00Z 12-3 2026-1"
            .to_vec();
        let passes = steps.shift(&mut data);
        let (passed, held) = data.split_at(passes);
        let passed = std::str::from_utf8(passed).unwrap();
        assert_eq!(
            passed,
            "{\"created\":\"2026-11-20T18:18:09.5Z\",\"ts\":\"2026-11-20T18:17:25.389Z\"} \
             2026-11-20T19:18:20Z 0001-01-01T00:00:00Z 12-3 "
        );
        assert_eq!(held, b"2026-1");
    }
}
