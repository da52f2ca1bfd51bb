//! Failures of requests, and how they become errors of the store.

use crate::jetstream::api::Refusal;
use async_nats::{RequestErrorKind, client::RequestError};
use presence_core::store::{Error, Kind};
use std::time::Duration;

/// The result of a request to the server.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a request to the server failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The stream does not exist.
    NoStream(Error),
    /// No server answers for the stream: it was deleted, it has no leader, or the domain
    /// is not reachable.
    Unserved(Error),
    /// JetStream answered with an error.
    Refused(Refusal),
    /// Any other error.
    Other(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoStream(error) | Failure::Unserved(error) | Failure::Other(error) => error,
            Failure::Refused(refusal) => refusal.into(),
        }
    }
}

impl Failure {
    /// Whether JetStream answered with one of these error codes.
    pub(crate) fn is(&self, codes: &[u64]) -> bool {
        matches!(self, Self::Refused(refusal) if codes.contains(&refusal.err_code))
    }
}

/// Runs `work`, and repeats it when a stream was missing. `forget` is called before each
/// repetition, so that the next attempt checks the streams and creates those that are missing.
///
/// In a cluster, the servers learn of a new stream one after the other, and some report it as
/// missing for a moment. Work on a missing stream is therefore tried up to seven times within 0.7
/// s. Work on a stream that no server answers for is tried twice.
pub(crate) async fn again<T, F>(forget: impl Fn(), work: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Outcome<T>>,
{
    let mut tried = 0;
    loop {
        match work().await {
            Err(Failure::NoStream(_)) if tried < 6 => {}
            Err(Failure::Unserved(_)) if tried == 0 => {}
            done => return Ok(done?),
        }
        forget();
        if tried > 0 {
            tokio::time::sleep(Duration::from_millis(10 << tried)).await;
        }
        tried += 1;
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

pub(crate) fn rejected(message: impl Into<String>) -> Error {
    Error::new(Kind::Rejected, message)
}

pub(crate) fn unavailable(message: impl Into<String>) -> Error {
    Error::new(Kind::Unavailable, message)
}

pub(crate) fn corrupt(message: impl Into<String>) -> Error {
    Error::new(Kind::Corrupt, message)
}

pub(crate) fn timeout() -> Error {
    Error::new(Kind::Timeout, "the NATS server did not answer in time")
}

/// Maps a request that got no answer to a [`Failure`].
pub(crate) fn unanswered(error: RequestError) -> Failure {
    match error.kind() {
        RequestErrorKind::NoResponders => Failure::Unserved(
            unavailable(
                "no server answers for the stream: is JetStream enabled, and the domain right and connected?",
            )
            .with_source(error),
        ),
        RequestErrorKind::TimedOut => Failure::Other(timeout().with_source(error)),
        RequestErrorKind::InvalidSubject => {
            Failure::Other(rejected("the client refuses the subject").with_source(error))
        }
        RequestErrorKind::MaxPayloadExceeded => {
            Failure::Other(rejected("the server's max_payload is too small for a record").with_source(error))
        }
        RequestErrorKind::Other => {
            Failure::Other(unavailable("the client of NATS is closed").with_source(error))
        }
    }
}

/// JetStream's error codes that this crate acts on.
pub(crate) mod code {
    pub(crate) const CONSUMER_NOT_FOUND: u64 = 10014;
    pub(crate) const DUPLICATE_IN_FLIGHT: u64 = 10158;
    pub(crate) const NO_MESSAGE: u64 = 10037;
    /// Answers to the deletion of a message that does not exist; which of the two depends on the
    /// server's version.
    pub(crate) const NO_SUCH_SEQUENCE: [u64; 2] = [10043, 10057];
    pub(crate) const SEALED: u64 = 10109;
    pub(crate) const STREAM_NAME_IN_USE: u64 = 10058;
    pub(crate) const STREAM_NOT_FOUND: u64 = 10059;
    pub(crate) const SUBJECTS_OVERLAP: u64 = 10065;
    /// Servers before 2.12 put the right sequence into the text of the error; later ones may not.
    pub(crate) const WRONG_LAST_SEQUENCE: [u64; 2] = [10071, 10164];
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let words = |text: &str| format!("{text} (NATS error {})", refusal.err_code);
        let error = match (refusal.err_code, refusal.code) {
            // For these codes the server's text names the limit that was reached: memory, storage,
            // streams, replicas, bytes or messages.
            (
                10002 | 10023 | 10026 | 10027 | 10028 | 10047 | 10050 | 10074 | 10076 | 10077 | 10101 | 10110,
                _,
            ) => unavailable(words(
                "the server or the account is full: raise max_bytes or the limits of JetStream",
            )),
            // A server that is slow for a moment counts as offline for some seconds. That is more
            // frequent than a wrong setting, so the error asks for a retry.
            (10005, _) => unavailable(words("the cluster has fewer servers online than replicas asks for")),
            (10035 | 10039, _) => rejected(words("JetStream is not enabled for this account")),
            (code::STREAM_NAME_IN_USE, _) => {
                rejected(words("another stream has our name: choose another namespace"))
            }
            // Only an operator can unseal or delete the stream. Until then nothing is stored, so
            // writes have to be repeated later: `Unavailable`.
            (code::SEALED, _) => {
                unavailable(words("the stream is sealed: delete it, and it is created again"))
            }
            (code::SUBJECTS_OVERLAP, _) => {
                rejected(words("another stream has our subjects: choose another namespace"))
            }
            (code::STREAM_NOT_FOUND, _) => unavailable(words("the stream is gone")),
            // The server has no leader, is not up to date, or is busy: a retry may succeed.
            (_, 408 | 429 | 500..=599) => unavailable(words("JetStream does not serve at the moment")),
            _ => rejected(words("JetStream refuses")),
        };
        error.with_source(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Runs [`again`] with work whose first `failures` attempts fail with `failure`. Returns the
    /// number of attempts, the number of calls of `forget`, and whether the work succeeded.
    async fn done(failures: u32, failure: impl Fn() -> Failure) -> (u32, u32, bool) {
        let (done, forgotten) = (Cell::new(0), Cell::new(0));
        let work = async || {
            done.set(done.get() + 1);
            if done.get() > failures { Ok(()) } else { Err(failure()) }
        };
        let outcome = again(|| forgotten.set(forgotten.get() + 1), work).await;
        (done.get(), forgotten.get(), outcome.is_ok())
    }

    #[tokio::test]
    async fn work_is_repeated_only_if_its_stream_is_missing_or_unserved() {
        let missing = || Failure::NoStream(unavailable("missing"));
        assert_eq!(done(0, missing).await, (1, 0, true));
        assert_eq!(done(2, missing).await, (3, 2, true));
        assert_eq!(done(99, missing).await, (7, 6, false));
        assert_eq!(done(1, || Failure::Unserved(unavailable("nobody"))).await, (2, 1, true));
        assert_eq!(done(99, || Failure::Unserved(unavailable("nobody"))).await, (2, 1, false));
        assert_eq!(done(1, || Failure::Other(timeout())).await, (1, 0, false));
    }
}
