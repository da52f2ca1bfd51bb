//! What went wrong, by what the caller should do.

use presence_core::store::{Error, Kind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// No answer in time. The outcome is unknown; repeating is safe.
pub fn timeout() -> Error {
    Error::new(Kind::Timeout, "Redis did not answer in time")
}

/// An answer that our scripts do not give.
pub fn unexpected(what: &'static str) -> Error {
    Error::new(Kind::Corrupt, format!("Redis answered something else than {what}"))
}

/// Whether the connection is worth nothing any more, or leads to the wrong server.
pub fn ends_connection(error: &RedisError) -> bool {
    let moved = matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly));
    moved
        || error.is_io_error()
        || error.is_connection_dropped()
        || is_other_shards(error)
        || says(error, REPLICA)
}

/// Whether the namespace is in use with another number of shards.
pub fn is_other_shards(error: &RedisError) -> bool {
    says(error, OTHER_SHARDS)
}

/// What our scripts raise: that the namespace has another number of shards, that they were sent to a replica.
const OTHER_SHARDS: &str = "OTHERSHARDS:";
const REPLICA: &str = "READONLY:";

/// Servers put what a script raises, or what failed in it, somewhere into the text of a general error.
fn says(error: &RedisError, word: &str) -> bool {
    error.code() == Some(word) || error.detail().is_some_and(|text| text.contains(word))
}

/// Says what the caller should do. The text names neither address nor secret: those are in the source, for the log.
pub fn classify(error: RedisError) -> Error {
    let (kind, text) = match error.kind() {
        _ if error.is_timeout() => return timeout().with_source(error),
        _ if is_other_shards(&error) => {
            (Kind::Rejected, "the namespace is in use with another number of shards")
        }
        _ if says(&error, "WRONGTYPE") => (Kind::Corrupt, "a key of ours holds something else"),
        _ if says(&error, REPLICA) => (Kind::Unavailable, "what answers is a replica"),
        _ if says(&error, "NOAUTH") || says(&error, "WRONGPASS") => REFUSED,
        ErrorKind::AuthenticationFailed => REFUSED,
        ErrorKind::InvalidClientConfig => (Kind::Rejected, "the settings of the connection are invalid"),
        ErrorKind::RESP3NotSupported => {
            (Kind::Rejected, "the server is too old: Redis 6.2 or later is needed")
        }
        ErrorKind::MasterNameNotFoundBySentinel => {
            (Kind::Unavailable, "no sentinel knows a master of that name")
        }
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            (Kind::Unavailable, "what answers does not speak like Redis")
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            (Kind::Rejected, "Redis denies a permission that is needed")
        }
        ErrorKind::Server(ServerErrorKind::CrossSlot) => {
            (Kind::Rejected, "Redis sees the keys of one shard in several slots")
        }
        ErrorKind::Server(ServerErrorKind::ResponseError) => (Kind::Rejected, "Redis refuses the command"),
        // LOADING, CLUSTERDOWN, READONLY …, and as extensions OOM, MISCONF, BUSY: it would, were it not for its state.
        ErrorKind::Server(_) | ErrorKind::Extension => {
            (Kind::Unavailable, "Redis does not serve at the moment")
        }
        _ => (Kind::Unavailable, "Redis cannot be reached"),
    };
    Error::new(kind, text).with_source(error)
}

const REFUSED: (Kind, &str) = (Kind::Rejected, "Redis refuses the credentials");
