//! The line to the server: requests, each with its bound in time.

use crate::codec::{FORGOTTEN, Forgotten, Gone, Raw};
use crate::error::{Failure, Outcome, corrupt, rejected, timeout, unanswered, unavailable};
use crate::jetstream::api::{Ack, Answer};
use async_nats::client::Request;
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, HeaderValue, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::Mutex;
use presence_core::Timestamp;
use presence_core::store::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a call waits for a connection that was lost; one that is just being made is waited for
/// as long as a call may take.
const RECONNECTS_FOR: Duration = Duration::from_millis(100);
/// How often it looks meanwhile.
const LOOKS_EVERY: Duration = Duration::from_millis(10);

/// What is heard of the servers beside their answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How often a server said that something is not allowed: the request itself is just not
    /// answered.
    denials: AtomicU64,
    /// Where the servers are, as far as URLs said it, without who we are.
    servers: OnceLock<String>,
    /// Why the last attempt to connect failed, until one succeeds.
    failure: Mutex<Option<String>>,
}

impl Heard {
    pub(crate) fn denied(&self) {
        self.0.denials.fetch_add(1, Ordering::Relaxed);
    }

    fn denials(&self) -> u64 {
        self.0.denials.load(Ordering::Relaxed)
    }

    pub(crate) fn of_servers(&self, servers: String) {
        // A client is made once.
        let _ = self.0.servers.set(servers);
    }

    pub(crate) fn failed(&self, why: &str) {
        *self.0.failure.lock() = Some(why.to_owned());
    }

    pub(crate) fn connected(&self) {
        *self.0.failure.lock() = None;
    }

    /// That there is no connection; to whom, and why, is for logs only.
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
    /// `$JS.API.`, or that of a domain.
    api: String,
    /// What stands before the subject of what is published into a stream: only so does it reach
    /// another domain.
    into: String,
    timeout: Duration,
    heard: Heard,
}

impl fmt::Debug for Link {
    /// What a client prints of itself is not ours to judge.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(client: Client, domain: Option<&str>, timeout: Duration, heard: Heard) -> Self {
        crate::metrics::describe();
        let (api, into) = match domain {
            None => ("$JS.API.".to_owned(), String::new()),
            Some(domain) => (format!("$JS.{domain}.API."), format!("$JS.{domain}.API.")),
        };
        Self { client, api, into, timeout, heard }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns once there is a connection. Nothing is sent before: the client would keep it, and
    /// send it much later.
    pub(crate) async fn connected(&self) -> Result<()> {
        let mut waits = match self.client.connection_state() {
            State::Connected => return Ok(()),
            State::Pending => self.timeout,
            State::Disconnected => RECONNECTS_FOR.min(self.timeout),
        };
        while !waits.is_zero() {
            tokio::time::sleep(LOOKS_EVERY).await;
            if self.client.connection_state() == State::Connected {
                return Ok(());
            }
            waits = waits.saturating_sub(LOOKS_EVERY);
        }
        Err(self.heard.no_connection())
    }

    /// Gives an exchange its bound in time.
    async fn bounded<T>(&self, exchange: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.connected().await?;
        let denials = self.heard.denials();
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(done) => done,
            Err(_) if self.heard.denials() != denials => Err(Failure::Other(rejected(
                "the server denies it: allow publishing to $JS.API.> and $KV.>, and subscribing to the inbox",
            ))),
            Err(late) => Err(Failure::Other(timeout().with_source(late))),
        }
    }

    async fn request(&self, subject: String, headers: Option<HeaderMap>, payload: Bytes) -> Outcome<Message> {
        let request = Request::new().payload(payload).timeout(Some(self.timeout * 2));
        let request = match headers {
            Some(headers) => request.headers(headers),
            None => request,
        };
        let answered = self.client.send_request(subject, request);
        self.bounded(async { answered.await.map_err(unanswered) }).await
    }

    /// Asks JetStream's API. Some questions must come with nothing at all.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, what: &str, body: Bytes) -> Outcome<T> {
        let answer = self.request(format!("{}{what}", self.api), None, body).await?;
        given(&answer.payload)
    }

    /// Publishes into a stream, and returns the sequence that it got.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Outcome<u64> {
        self.append(subject, headers, payload).await.map(|ack| ack.seq)
    }

    /// Publishes into a stream, and returns all that the server says of it.
    pub(crate) async fn append(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Outcome<Ack> {
        let ack = self.request(format!("{}{subject}", self.into), headers, payload).await?;
        given(&ack.payload)
    }

    /// Asks for several messages at once, and returns them with what was said at their end.
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

/// Reads an answer.
fn given<T: DeserializeOwned>(payload: &[u8]) -> Outcome<T> {
    match serde_json::from_slice(payload) {
        Ok(Answer::Given(given)) => Ok(given),
        Ok(Answer::Refused { error }) if error.err_code == crate::error::code::STREAM_NOT_FOUND => {
            Err(Failure::NoStream(error.into()))
        }
        Ok(Answer::Refused { error }) => Err(Failure::Refused(error)),
        Err(error) => Err(Failure::Other(unreadable(error))),
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    corrupt("the server's answer cannot be read").with_source(error)
}

/// A message as a direct get answers it.
pub(crate) fn direct(message: Message) -> Option<Raw> {
    let headers = message.headers?;
    let header = |name: &str| headers.get(name).map(HeaderValue::as_str);
    let (subject, seq) = (header("Nats-Subject")?.to_owned(), header("Nats-Sequence")?.parse().ok()?);
    let at =
        header("Nats-Time-Stamp").and_then(|at| crate::jetstream::api::Time::try_from(at.to_owned()).ok());
    let at = at.map_or(Timestamp::ZERO, |at| at.0);
    let (gone, forgotten) = (Gone::of(header), header(FORGOTTEN).and_then(Forgotten::parse));
    Some(Raw { subject, seq, at, gone, forgotten, life: 0, payload: message.payload })
}
