//! Turns errors of the Redis client into errors of the store, by what the caller should do.

use presence_core::store::{Error, Kind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The error of a call that got no answer in time. The outcome is unknown; repeating the
/// call is safe.
pub fn timeout() -> Error {
    Error::new(Kind::Timeout, "Redis did not answer in time")
}

/// The error for an answer of an unexpected form.
pub fn unexpected(what: &'static str) -> Error {
    Error::new(Kind::Corrupt, format!("Redis answered something else than {what}"))
}

/// Whether the connection is broken, or leads to the wrong server.
pub fn ends_connection(error: &RedisError) -> bool {
    let moved = matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly));
    moved
        || error.is_io_error()
        || error.is_connection_dropped()
        || is_other_shards(error)
        || contains_word(error, REPLICA)
        || contains_word(error, "-READONLY ")
}

/// Whether the namespace is in use with another number of shards.
pub fn is_other_shards(error: &RedisError) -> bool {
    contains_word(error, OTHER_SHARDS)
}

/// The errors that the scripts raise: the namespace has another number of shards, or the server is
/// a replica.
const OTHER_SHARDS: &str = "OTHERSHARDS:";
const REPLICA: &str = "READONLY:";

/// Whether the text of a general error contains `word`. Servers put the error of a script, or of a
/// command in it, somewhere into that text. Before Redis 7, the code of a command that failed in a
/// script is there too, behind a dash.
fn contains_word(error: &RedisError, word: &str) -> bool {
    error.code() == Some(word) || error.detail().is_some_and(|text| text.contains(word))
}

/// Whether a command in a script failed because of the state of the server, as reported before
/// Redis 7.
fn does_not_serve(error: &RedisError) -> bool {
    ["-READONLY ", "-OOM ", "-MISCONF ", "-NOREPLICAS ", "-LOADING ", "-BUSY ", "-MASTERDOWN "]
        .iter()
        .any(|code| contains_word(error, code))
}

/// The reason why a server answers but refuses writes, if that is the error.
fn refuses_writes(error: &RedisError) -> Option<&'static str> {
    let reasons = [
        ("OOM", "Redis has no memory left, and refuses writes"),
        ("MISCONF", "Redis could not save its data, and refuses writes"),
        ("NOREPLICAS", "Redis lacks replicas, and refuses writes"),
    ];
    // Before Redis 7, the code is in the text of a script's error, behind a dash.
    let has_code = |code: &str| error.code() == Some(code) || contains_word(error, &format!("-{code} "));
    reasons.into_iter().find_map(|(code, reason)| has_code(code).then_some(reason))
}

/// Classifies an error by what the caller should do. The text holds neither address nor secret:
/// those are in the source, for the log.
pub fn classify(error: RedisError) -> Error {
    if let Some(reason) = refuses_writes(&error) {
        return Error::new(Kind::Unavailable, reason).with_source(error);
    }
    let (kind, text) = match error.kind() {
        _ if error.is_timeout() => return timeout().with_source(error),
        _ if is_other_shards(&error) => {
            (Kind::Rejected, "the namespace is in use with another number of shards")
        }
        _ if contains_word(&error, "WRONGTYPE") => (Kind::Corrupt, "a key of ours holds something else"),
        _ if contains_word(&error, REPLICA) => (Kind::Unavailable, "what answers is a replica"),
        _ if does_not_serve(&error) => NOT_NOW,
        _ if contains_word(&error, "NOAUTH") || contains_word(&error, "WRONGPASS") => REFUSED,
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
        // LOADING, CLUSTERDOWN, READONLY …, and as extensions OOM, MISCONF, BUSY: temporary states
        // of the server.
        ErrorKind::Server(_) | ErrorKind::Extension => NOT_NOW,
        _ => (Kind::Unavailable, "Redis cannot be reached"),
    };
    Error::new(kind, text).with_source(error)
}

const REFUSED: (Kind, &str) = (Kind::Rejected, "Redis refuses the credentials");
const NOT_NOW: (Kind, &str) = (Kind::Unavailable, "Redis does not serve at the moment");

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> RedisError {
        redis::parse_redis_value(line.as_bytes()).unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn errors_of_commands_in_scripts_are_classified_before_redis_7_as_well() {
        let within = |text: &str| {
            parsed(&format!(
                "-ERR Error running script (call to f_0123): @user_script:9: @user_script: 9: {text}\r\n"
            ))
        };
        let cases = [
            ("-READONLY You can't write against a read only replica. ", Kind::Unavailable, true),
            ("-OOM command not allowed when used memory > 'maxmemory'. ", Kind::Unavailable, false),
            ("-MISCONF Redis is configured to save RDB snapshots", Kind::Unavailable, false),
            ("WRONGTYPE Operation against a key holding the wrong kind of value ", Kind::Corrupt, false),
            ("Unknown Redis command called from Lua script ", Kind::Rejected, false),
        ];
        for (text, kind, ends) in cases {
            assert_eq!(ends_connection(&within(text)), ends, "{text}");
            assert_eq!(classify(within(text)).kind(), kind, "{text}");
        }
    }

    #[test]
    fn temporary_states_of_the_server_are_unavailable() {
        for text in ["-OOM x", "-LOADING x", "-BUSY x", "-READONLY x", "-CLUSTERDOWN x", "-TRYAGAIN x"] {
            assert_eq!(classify(parsed(&format!("{text}\r\n"))).kind(), Kind::Unavailable, "{text}");
        }
    }
}
