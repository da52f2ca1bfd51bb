//! Requests to JetStream over one connection, each with a timeout.

use crate::codec::{FORGOTTEN, Forgotten, Gone, Raw, encode, value};
use crate::error::{Failure, Outcome, code, corrupt, rejected, timeout, unanswered, unavailable};
use crate::jetstream::api::{Ack, Answer, NewStream, StreamInfo, parse_time};
use async_nats::client::Request;
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use presence_core::store::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a call waits for the client to reconnect after it lost its connection. While the client
/// connects for the first time, a call waits for its whole timeout.
const RECONNECTS_FOR: Duration = Duration::from_millis(100);
/// How often the state of the connection is checked meanwhile.
const CHECK_EVERY: Duration = Duration::from_millis(10);
/// How long a server may take to create a stream.
const CREATED_WITHIN: Duration = Duration::from_millis(100);

/// The state of the connection according to the client's events: denials, and
/// why connecting failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionState(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many permission violations the server has reported. The denied request itself
    /// gets no answer.
    denials: AtomicU64,
    /// The addresses of the servers, without credentials; not set for a client that the host made.
    servers: OnceLock<String>,
    /// Why the last attempt to connect failed, until one succeeds.
    failure: Mutex<Option<String>>,
}

impl ConnectionState {
    pub(crate) fn denied(&self) {
        self.0.denials.fetch_add(1, Ordering::Relaxed);
    }

    fn denials(&self) -> u64 {
        self.0.denials.load(Ordering::Relaxed)
    }

    pub(crate) fn of_servers(&self, servers: String) {
        // Set once, when the client is made.
        let _ = self.0.servers.set(servers);
    }

    pub(crate) fn failed(&self, why: &str) {
        *self.0.failure.lock() = Some(why.to_owned());
    }

    pub(crate) fn connected(&self) {
        *self.0.failure.lock() = None;
    }

    /// The error of a missing connection. The servers and the reason are only logged.
    fn no_connection(&self) -> Error {
        let error = unavailable("there is no connection to a NATS server");
        let why = self.0.failure.lock().clone();
        match (self.0.servers.get(), why) {
            (Some(servers), Some(why)) => error.with_source(format!("{servers}: {why}")),
            (Some(known), None) => error.with_source(known.as_str()),
            (None, Some(known)) => error.with_source(known),
            (None, None) => error,
        }
    }
}

pub(crate) struct Link {
    pub(crate) client: Client,
    /// The prefix of API subjects: `$JS.API.`, or that of a domain.
    api: String,
    /// The prefix of subjects that are published into a stream: the API prefix of the domain, by
    /// which messages reach it; empty without a domain.
    into: String,
    timeout: Duration,
    connection: ConnectionState,
}

impl fmt::Debug for Link {
    /// Leaves out the client, whose `Debug` output may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(
        client: Client,
        domain: Option<&str>,
        timeout: Duration,
        connection: ConnectionState,
    ) -> Self {
        crate::metrics::describe();
        let (api, into) = match domain {
            None => ("$JS.API.".to_owned(), String::new()),
            Some(domain) => (format!("$JS.{domain}.API."), format!("$JS.{domain}.API.")),
        };
        Self { client, api, into, timeout, connection }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Waits for a connection, within a bound. Nothing may be sent without a connection: the client
    /// would buffer it and send it much later.
    pub(crate) async fn connected(&self) -> Result<()> {
        let mut waits = match self.client.connection_state() {
            State::Connected => return Ok(()),
            State::Pending => self.timeout,
            State::Disconnected => RECONNECTS_FOR.min(self.timeout),
        };
        while !waits.is_zero() {
            tokio::time::sleep(CHECK_EVERY).await;
            if self.client.connection_state() == State::Connected {
                return Ok(());
            }
            waits = waits.saturating_sub(CHECK_EVERY);
        }
        Err(self.connection.no_connection())
    }

    /// Applies the timeout to a request.
    async fn bounded<T>(&self, exchange: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.connected().await?;
        let denials = self.connection.denials();
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(done) => done,
            Err(_) if self.connection.denials() != denials => Err(Failure::Other(rejected(
                "the server denies it: allow publishing to $JS.API.> and $KV.>, and subscribing to the inbox",
            ))),
            Err(late) => Err(Failure::Other(timeout().with_source(late))),
        }
    }

    async fn request(&self, subject: String, headers: Option<HeaderMap>, payload: Bytes) -> Outcome<Message> {
        // The time limit is that of `bounded`.
        let request = Request::new().payload(payload).timeout(None);
        let request = match headers {
            Some(headers) => request.headers(headers),
            None => request,
        };
        let answered = self.client.send_request(subject, request);
        self.bounded(async { answered.await.map_err(unanswered) }).await
    }

    /// Sends a request to JetStream's API. Some requests must have an empty body.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, what: &str, body: Bytes) -> Outcome<T> {
        let answer = self.request(format!("{}{what}", self.api), None, body).await?;
        given(&answer.payload)
    }

    /// Creates a stream. `None` if another process has created it meanwhile, perhaps
    /// with other settings.
    pub(crate) async fn create(&self, new: &NewStream<'_>) -> Outcome<Option<StreamInfo>> {
        let stream = new.name;
        tracing::info!(stream, "creating a stream");
        match self.ask(&format!("STREAM.CREATE.{stream}"), encode(new)).await {
            Err(failure) if failure.is(&[code::STREAM_NAME_IN_USE]) => Ok(None),
            // Servers of version 2.9 may give this answer also if another process creates the same
            // stream at the same time.
            Err(failure) if failure.is(&[code::SUBJECTS_OVERLAP]) => {
                let ours = self.ask::<StreamInfo>(&format!("STREAM.INFO.{stream}"), Bytes::new()).await;
                ours.map_or(Err(failure), |_| Ok(None))
            }
            created => created.map(Some),
        }
    }

    /// Waits while the server may still be creating a stream.
    ///
    /// Servers before 2.10 report a stream before it has its storage. A request for a message of it
    /// then crashes the server, so there is no other way to find out.
    pub(crate) async fn created(&self, info: &StreamInfo) {
        if info.ts.is_none() && info.state.last_seq == 0 {
            tokio::time::sleep(CREATED_WITHIN).await;
        }
    }

    /// Publishes into a stream. Returns the sequence of the stored message.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Outcome<u64> {
        self.append(subject, headers, payload).await.map(|ack| ack.seq)
    }

    /// Publishes into a stream. Returns the server's whole acknowledgement.
    pub(crate) async fn append(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Outcome<Ack> {
        let ack = self.request([&self.into, subject].concat(), headers, payload).await?;
        given(&ack.payload)
    }

    /// Requests several messages at once. Returns them with the message that ended the answer.
    pub(crate) async fn get_many<T>(
        &self,
        stream: &str,
        body: &impl Serialize,
        read: impl Fn(Message) -> Option<T>,
    ) -> Outcome<(Vec<T>, Message)> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.bounded(async {
            let inbox = self.client.new_inbox();
            let mut replies = self.subscribe(inbox.clone()).await?;
            let subject = format!("{}DIRECT.GET.{stream}", self.api);
            let sent = self.client.publish_with_reply(subject, inbox, body.into()).await;
            sent.map_err(|error| unavailable("the client of NATS is closed").with_source(error))?;
            let mut messages = Vec::new();
            loop {
                let message = replies.next().await.ok_or_else(|| unavailable("the connection was lost"))?;
                if message.status.is_some_and(|status| status.as_u16() != 200) {
                    return Ok((messages, message));
                }
                messages.extend(read(message));
            }
        })
        .await
    }

    pub(crate) async fn subscribe(&self, subject: String) -> Result<Subscriber> {
        let subscribed = self.client.subscribe(subject).await;
        subscribed.map_err(|error| unavailable("the client of NATS is closed").with_source(error))
    }
}

/// The name of the field that holds the error of an answer.
const ERROR: &[u8] = b"\"error\"";

/// Decodes an answer of JetStream's API.
fn given<T: DeserializeOwned>(payload: &[u8]) -> Outcome<T> {
    let unreadable = |error| Failure::Other(unreadable(error));
    // Nearly all answers have no error, and are parsed once.
    let may_have_error = payload.windows(ERROR.len()).any(|bytes| bytes == ERROR);
    let answer = may_have_error.then(|| serde_json::from_slice::<Answer>(payload)).transpose();
    match answer.map_err(unreadable)?.and_then(|answer| answer.error) {
        None => serde_json::from_slice(payload).map_err(unreadable),
        Some(error) if error.err_code == code::STREAM_NOT_FOUND => Err(Failure::NoStream(error.into())),
        Some(error) => Err(Failure::Refused(error)),
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    corrupt("the server's answer cannot be read").with_source(error)
}

/// Reads a message from the answer to a direct get.
pub(crate) fn direct(message: Message) -> Option<Raw> {
    let headers = message.headers?;
    let header = |name: &str| value(&headers, name);
    let (subject, seq) = (header("Nats-Subject")?.to_owned(), header("Nats-Sequence")?.parse().ok()?);
    let at = header("Nats-Time-Stamp").and_then(parse_time).unwrap_or_default();
    let (gone, forgotten) = (Gone::of(header), header(FORGOTTEN).and_then(Forgotten::parse));
    Some(Raw { subject, seq, at, gone, forgotten, incarnation: 0, payload: message.payload })
}
