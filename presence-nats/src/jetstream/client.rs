//! Makes a NATS client from URLs, and logs its events.

use crate::error::rejected;
use crate::jetstream::link::ConnectionState;
use async_nats::{Client, ClientError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use futures_util::FutureExt;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use presence_core::store::Result;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The ping interval of an idle connection, so that a dead one is noticed.
const PINGS_EVERY: Duration = Duration::from_secs(2);
/// The default bound of one attempt to connect.
const CONNECTS_FOR: Duration = Duration::from_secs(2);
/// The longest delay before the client reconnects. The delay is random, since all processes lose a
/// server at once.
const RECONNECTS_EVERY: Duration = Duration::from_millis(250);
/// The bound of a connection attempt that is made only to learn why the client could not connect.
const TRIED_FOR: Duration = Duration::from_millis(500);
/// How long an event that was logged is not logged again.
const LOGGED_FOR: Duration = Duration::from_mins(10);
/// How many different events are logged in that time.
const MAX_LOGGED: usize = 16;

/// Makes a client that tries to connect until it succeeds. Must be called in a tokio runtime.
pub(crate) fn of(urls: &str, connect: ConnectOptions, connection: &ConnectionState) -> Result<Client> {
    let (servers, credentials) = read(urls)?;
    let places = servers.iter().map(|server| format!("{}:{}", server.host(), server.port()));
    connection.of_servers(format!("NATS at {}", places.collect::<Vec<_>>().join(", ")));
    let connect = match credentials {
        None => connect,
        Some(Credentials { user, password: Some(password) }) => connect.user_and_password(user, password),
        Some(Credentials { user: token, password: None }) => connect.token(token),
    };
    let logger = Arc::new(EventLogger {
        servers: servers.iter().map(|server| (server.host().to_owned(), server.port())).collect(),
        connection: connection.clone(),
        logged: Mutex::new((HashSet::new(), Instant::now())),
    });
    let connect = connect
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(CONNECTS_FOR)
        .ping_interval(PINGS_EVERY)
        .reconnect_delay_callback(|attempts| {
            let full =
                RECONNECTS_EVERY.min(Duration::from_millis(20) * u32::try_from(attempts).unwrap_or(100));
            full.mul_f64(0.4 + 0.6 * presence_core::random::fraction())
        })
        .event_callback(move |event| {
            let logger = Arc::clone(&logger);
            async move { logger.log(&event).await }
        });
    // `connect` returns at once because of `retry_on_initial_connect`; the client connects in the
    // background.
    let client = connect.connect(servers).now_or_never();
    client.and_then(std::result::Result::ok).ok_or_else(|| rejected("the URLs of NATS cannot be used"))
}

/// The credentials in URLs: a user and a password, or a token in the place of the user.
#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: Option<String>,
}

/// Splits URLs into servers and credentials. The client ignores credentials in URLs, but prints the
/// URLs in its log, so the credentials are taken out of them.
fn read(urls: &str) -> Result<(Vec<ServerAddr>, Option<Credentials>)> {
    // The parser's error is dropped, since its text may hold a password.
    let unreadable = || rejected("a URL of NATS cannot be read");
    let (mut servers, mut known) = (Vec::new(), None);
    for url in urls.split(',') {
        let mut url = url.trim().parse::<ServerAddr>().map_err(|_| unreadable())?.into_inner();
        if url.host_str().is_none_or(str::is_empty) {
            return Err(unreadable());
        }
        if !url.username().is_empty() || url.password().is_some() {
            let plain = |text| percent_decode_str(text).decode_utf8().map_err(|_| unreadable());
            let password = url.password().map(plain).transpose()?;
            let given = Credentials {
                user: plain(url.username())?.into_owned(),
                password: password.map(std::borrow::Cow::into_owned),
            };
            if *known.get_or_insert_with(|| given.clone()) != given {
                return Err(rejected("the URLs of NATS name different users: a client has one user"));
            }
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| unreadable())?;
        }
        servers.push(ServerAddr::from_url(url).map_err(|_| unreadable())?);
    }
    Ok((servers, known))
}

/// Logs the events of the client and of its server that are not answers to requests.
struct EventLogger {
    servers: Vec<(String, u16)>,
    connection: ConnectionState,
    /// The events that were logged lately, and when this set was last emptied. The client reports
    /// each attempt to connect, some five in a second; one line for each outage is enough.
    logged: Mutex<(HashSet<String>, Instant)>,
}

impl EventLogger {
    async fn log(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.logged.lock().0.clear();
                self.connection.connected();
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => tracing::warn!("the connection to NATS was lost"),
            Event::ServerError(error) => {
                let is_denied = match error {
                    ServerError::AuthorizationViolation => true,
                    ServerError::Other(text) => {
                        let text = text.to_ascii_lowercase();
                        text.contains("permissions violation") || text.contains("authorization")
                    }
                    ServerError::SlowConsumer(_) => false,
                };
                if is_denied {
                    self.connection.denied();
                }
                if self.is_news(&error.to_string(), Instant::now()) {
                    tracing::error!(is_denied, "the NATS server reports an error: {error}");
                }
            }
            Event::Draining | Event::Closed => tracing::debug!("NATS: {event}"),
            other if self.is_news(&other.to_string(), Instant::now()) => {
                if let Event::ClientError(error) = other {
                    let why = self.cause(reason(error)).await;
                    self.connection.failed(&why);
                    tracing::warn!("NATS: {why}");
                } else {
                    tracing::warn!("NATS: {other}");
                }
            }
            _ => {}
        }
    }

    /// Why a connection failed. The client reports every error of the network as `IO error`, so this
    /// opens a connection of its own to learn the error.
    async fn cause(&self, reason: String) -> String {
        if reason != ConnectErrorKind::Io.to_string() {
            return reason;
        }
        for (host, port) in &self.servers {
            let attempt = TcpStream::connect((host.as_str(), *port));
            if let Ok(Err(error)) = tokio::time::timeout(TRIED_FOR, attempt).await {
                return format!("{reason}: {error}");
            }
        }
        reason
    }

    /// Whether to log this event: not if it was logged lately, nor if too many others were.
    fn is_news(&self, text: &str, now: Instant) -> bool {
        let (logged, since) = &mut *self.logged.lock();
        if now.duration_since(*since) > LOGGED_FOR {
            logged.clear();
        }
        if logged.is_empty() {
            *since = now;
        }
        logged.len() < MAX_LOGGED && logged.insert(text.to_owned())
    }
}

/// The client's own text of why it could not connect.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Other(why) => why.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The servers, then the credentials.
    fn connected_to(urls: &str) -> Option<String> {
        let (servers, who) = read(urls).ok()?;
        let mut words: Vec<String> = servers.iter().map(|server| server.as_url_str().to_owned()).collect();
        if let Some(Credentials { user, password }) = who {
            words.push(user);
            words.extend(password);
        }
        Some(words.join(" "))
    }

    #[test]
    fn credentials_are_removed_from_urls() {
        for (urls, expected) in [
            ("nats://a:1, nats://b:2", "nats://a:1 nats://b:2"),
            ("nats://ann:p%40ss%2F@a:1,tls://b:2", "nats://a:1 tls://b:2 ann p@ss/"),
            ("nats://t0ken@a:1,nats://t0ken@b:2", "nats://a:1 nats://b:2 t0ken"),
        ] {
            assert_eq!(connected_to(urls).as_deref(), Some(expected));
        }
        for bad in ["nats://ann:one@a:1,nats://ann:two@b:2", "nats://ann:%FF@a:1"] {
            assert_eq!(connected_to(bad), None, "{bad}");
        }
        for bad in ["", "nats://a:1,", "nats://", "nats://:4222", "nats://ann:one@"] {
            assert_eq!(connected_to(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn an_event_is_logged_once_per_outage() {
        let now = Instant::now();
        let logger = EventLogger {
            servers: Vec::new(),
            connection: ConnectionState::default(),
            logged: Mutex::new((HashSet::new(), now)),
        };
        assert!(
            logger.is_news("refused", now)
                && !logger.is_news("refused", now)
                && logger.is_news("timed out", now)
        );
        logger.log(&Event::ClientError(ClientError::Other("down".into()))).await;
        logger.log(&Event::Connected).await;
        assert!(logger.is_news("refused", now) && !logger.is_news("refused", now));
        let later = now + LOGGED_FOR * 2;
        assert!(logger.is_news("refused", later));
        let others = (0..100).filter(|n| logger.is_news(&n.to_string(), later)).count();
        assert_eq!(others, MAX_LOGGED - 1);
    }
}
