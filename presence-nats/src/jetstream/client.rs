//! The client of NATS: made of URLs, and listened to.

use crate::error::rejected;
use crate::jetstream::link::Heard;
use async_nats::{Client, ClientError, ConnectOptions, Event, ServerAddr, ServerError};
use futures_util::FutureExt;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use presence_core::store::Result;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How often a connection that nobody uses is tried, so that a dead one is noticed.
const PINGS_EVERY: Duration = Duration::from_secs(2);
/// How long a connection may take to be made, by default.
const CONNECTS_FOR: Duration = Duration::from_secs(2);
/// How long it waits, at most, before it tries to connect again. With jitter: all processes lose a
/// server at once.
const RECONNECTS_EVERY: Duration = Duration::from_millis(250);
/// How long something is not said again.
const SAID_FOR: Duration = Duration::from_mins(10);
/// How many things are said in that time.
const SAID: usize = 16;

/// A client that connects for as long as it takes; must be called in a runtime.
pub(crate) fn of(urls: &str, connect: ConnectOptions, heard: &Heard) -> Result<Client> {
    let (servers, credentials) = read(urls)?;
    let places = servers.iter().map(|server| format!("{}:{}", server.host(), server.port()));
    heard.of_servers(format!("NATS at {}", places.collect::<Vec<_>>().join(", ")));
    let connect = match credentials {
        None => connect,
        Some(Credentials { user, password: Some(password) }) => connect.user_and_password(user, password),
        Some(Credentials { user: token, password: None }) => connect.token(token),
    };
    let ear = EventLogger { heard: heard.clone(), said: Mutex::new((HashSet::new(), Instant::now())) };
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
            ear.hear(&event);
            std::future::ready(())
        });
    // It waits for nothing: connecting goes on beside.
    let client = connect.connect(servers).now_or_never();
    client.and_then(std::result::Result::ok).ok_or_else(|| rejected("the URLs of NATS cannot be used"))
}

/// Who we are, as URLs say it: a user and a password, or a token where a user would stand.
#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: Option<String>,
}

/// The servers, and who we are there. The client does not heed what URLs say of that, and prints it
/// in its log: so it is taken out of them.
fn read(urls: &str) -> Result<(Vec<ServerAddr>, Option<Credentials>)> {
    // What an error says may hold a password.
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
            let said = Credentials {
                user: plain(url.username())?.into_owned(),
                password: password.map(std::borrow::Cow::into_owned),
            };
            if *known.get_or_insert_with(|| said.clone()) != said {
                return Err(rejected("the URLs of NATS say different users: one client is one user"));
            }
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| unreadable())?;
        }
        servers.push(ServerAddr::from_url(url).map_err(|_| unreadable())?);
    }
    Ok((servers, known))
}

/// Hears what the client and its server say beside their answers.
struct EventLogger {
    heard: Heard,
    /// What was said lately, and since when that is counted. The client reports each of its
    /// attempts to connect, some five in a second: once is enough for each outage.
    said: Mutex<(HashSet<String>, Instant)>,
}

impl EventLogger {
    fn hear(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.said.lock().0.clear();
                self.heard.connected();
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
                    self.heard.denied();
                }
                if self.is_news(&error.to_string(), Instant::now()) {
                    tracing::error!(is_denied, "the NATS server reports an error: {error}");
                }
            }
            Event::Draining | Event::Closed => tracing::debug!("NATS: {event}"),
            other => {
                if let Event::ClientError(error) = other {
                    self.heard.failed(&reason(error));
                }
                if self.is_news(&other.to_string(), Instant::now()) {
                    tracing::warn!("NATS: {other}");
                }
            }
        }
    }

    /// Whether this is to be said: it was not lately, nor was much else.
    fn is_news(&self, text: &str, now: Instant) -> bool {
        let (said, since) = &mut *self.said.lock();
        if now.duration_since(*since) > SAID_FOR {
            said.clear();
        }
        if said.is_empty() {
            *since = now;
        }
        said.len() < SAID && said.insert(text.to_owned())
    }
}

/// Why the client could not connect, in its words.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Other(why) => why.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The servers, then who we are.
    fn told(urls: &str) -> Option<String> {
        let (servers, who) = read(urls).ok()?;
        let mut words: Vec<String> = servers.iter().map(|server| server.as_url_str().to_owned()).collect();
        if let Some(Credentials { user, password }) = who {
            words.push(user);
            words.extend(password);
        }
        Some(words.join(" "))
    }

    #[test]
    fn who_we_are_is_taken_out_of_urls() {
        for (urls, expected) in [
            ("nats://a:1, nats://b:2", "nats://a:1 nats://b:2"),
            ("nats://ann:p%40ss%2F@a:1,tls://b:2", "nats://a:1 tls://b:2 ann p@ss/"),
            ("nats://t0ken@a:1,nats://t0ken@b:2", "nats://a:1 nats://b:2 t0ken"),
        ] {
            assert_eq!(told(urls).as_deref(), Some(expected));
        }
        for bad in ["nats://ann:one@a:1,nats://ann:two@b:2", "nats://ann:%FF@a:1"] {
            assert_eq!(told(bad), None, "{bad}");
        }
        for bad in ["", "nats://a:1,", "nats://", "nats://:4222", "nats://ann:one@"] {
            assert_eq!(told(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_outage_is_told_of_once() {
        let now = Instant::now();
        let ear = EventLogger { heard: Heard::default(), said: Mutex::new((HashSet::new(), now)) };
        assert!(ear.is_news("refused", now) && !ear.is_news("refused", now) && ear.is_news("timed out", now));
        ear.hear(&Event::ClientError(ClientError::Other("down".into())));
        ear.hear(&Event::Connected);
        assert!(ear.is_news("refused", now) && !ear.is_news("refused", now));
        let later = now + SAID_FOR * 2;
        assert!(ear.is_news("refused", later));
        let others = (0..100).filter(|n| ear.is_news(&n.to_string(), later)).count();
        assert_eq!(others, SAID - 1);
    }
}
