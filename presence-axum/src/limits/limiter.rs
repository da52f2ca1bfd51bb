//! What the limits let in.

use super::{Client, Limits, Permit, Quota, Rate};
use crate::Error;
use crate::metrics::{LIMITS, STREAMS};
use http::{Extensions, HeaderMap, StatusCode};
use parking_lot::Mutex;
use presence_core::{Clock, SystemClock, UserId};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How many rows of an answer count as one query.
pub(super) const ROWS: usize = 50;

/// Counts open streams, in all and for each client, and the hits and queries of each.
///
/// A layer that limits concurrency does not do: it counts handlers, and a stream goes on when its
/// handler has answered. Hence the [`Permit`], which moves into the stream.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) limits: Limits,
    pub(super) open: Mutex<Open>,
    hits_of_client: Option<Rate>,
    hits_of_user: Option<Rate>,
    queries_of_client: Option<Rate>,
    /// Whether it has been said that a client met its bound.
    warned: AtomicBool,
}

/// Holds an entry only for clients with an open stream, so that `all` bounds the map.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) all: Held,
    pub(super) by_client: HashMap<Client, Held>,
}

/// What is open.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) streams: usize,
    /// The topics that those streams watch, each for each stream.
    pub(super) topics: usize,
}

impl Limiter {
    /// A gate with these limits, by the system's clock.
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, &(Arc::new(SystemClock) as Arc<dyn Clock>))
    }

    /// A gate with these limits, by this clock.
    pub fn with_clock(limits: Limits, clock: &Arc<dyn Clock>) -> Self {
        let rate = |quota: Option<Quota>| Some(Rate::with(quota?, Arc::clone(clock), Rate::MAX_KEYS));
        Self(Arc::new(Inner {
            hits_of_client: rate(limits.hits_per_client),
            hits_of_user: rate(limits.hits_per_user),
            queries_of_client: rate(limits.queries_per_client),
            limits,
            warned: AtomicBool::new(false),
            open: Mutex::default(),
        }))
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// How many streams are open.
    pub fn open(&self) -> usize {
        self.0.open.lock().all.streams
    }

    /// Counts a hit of the client that sends this request.
    ///
    /// # Errors
    /// 429 `too many requests` when the client has sent as many as it may.
    pub fn hit(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
        self.count(self.0.hits_of_client.as_ref(), extensions, headers)
    }

    /// Counts a hit of this user.
    ///
    /// # Errors
    /// 429 `too many requests` when there were as many as may be.
    pub fn hit_of(&self, user: &UserId) -> Result<(), Error> {
        self.0.hits_of_user.as_ref().map_or(Ok(()), |rate| rate.check(user)).map_err(|too_many| {
            LIMITS.hits_user.increment(1);
            too_many.into()
        })
    }

    /// Counts a query, or the opening of a stream, of the client that sends this request.
    ///
    /// # Errors
    /// 429 `too many requests` when the client has sent as many as it may.
    pub fn query(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
        self.count(self.0.queries_of_client.as_ref(), extensions, headers)
    }

    /// Counts what a query costs beyond one: of so many rows, one for each fifty.
    ///
    /// # Errors
    /// 429 `too many requests` when that is more than the client may send.
    pub fn rows(&self, client: Option<Client>, rows: usize) -> Result<(), Error> {
        self.0.queries(client, rows / ROWS)
    }

    /// Whom a request comes from, as these limits see it.
    pub(crate) fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<Client> {
        Client::of(extensions, headers, self.0.limits.trusted_proxies)
    }

    fn count(&self, rate: Option<&Rate>, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
        let Some(rate) = rate else { return Ok(()) };
        let client = Client::of(extensions, headers, self.0.limits.trusted_proxies);
        client.map_or(Ok(()), |client| rate.check(&client)).map_err(|too_many| {
            LIMITS.client.increment(1);
            self.0.warn();
            too_many.into()
        })
    }

    /// Lets one more stream of this client in; `None`, one of nobody knows whom, counts in all
    /// only.
    ///
    /// # Errors
    /// 503 `full` when there are as many as may be, 429 `too many streams` when this client has as
    /// many as it may.
    pub fn admit(&self, client: Option<Client>) -> Result<Permit, Error> {
        let limits = &self.0.limits;
        let mut open = self.0.open.lock();
        if open.all.streams >= limits.streams {
            STREAMS.refused_all.increment(1);
            return Err(Error::unavailable("full"));
        }
        if let Some(client) = client {
            let of_client = open.by_client.entry(client).or_default();
            if limits.streams_per_client.is_some_and(|most| of_client.streams >= most) {
                if of_client.streams == 0 {
                    open.by_client.remove(&client);
                }
                STREAMS.refused_client.increment(1);
                return Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "too many streams"));
            }
            of_client.streams += 1;
        }
        open.all.streams += 1;
        STREAMS.open.increment(1.0);
        Ok(Permit::new(Arc::clone(&self.0), client))
    }

    /// Lets one more stream in, for the client that sent this request.
    ///
    /// # Errors
    /// Those of [`admit`](Self::admit).
    pub fn admit_from(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<Permit, Error> {
        self.admit(Client::of(extensions, headers, self.0.limits.trusted_proxies))
    }
}

impl Inner {
    /// Counts so many queries of a client, if it is one that is counted.
    pub(super) fn queries(&self, client: Option<Client>, queries: usize) -> Result<(), Error> {
        let queries = u32::try_from(queries).ok().and_then(NonZeroU32::new);
        let (Some(rate), Some(client), Some(queries)) = (&self.queries_of_client, client, queries) else {
            return Ok(());
        };
        rate.check_many(&client, queries).map_err(|too_many| {
            LIMITS.client.increment(1);
            self.warn();
            too_many.into()
        })
    }

    /// Says once that a client has met its bound: it may be a proxy, which stands for all clients
    /// behind it.
    fn warn(&self) {
        if !self.warned.swap(true, Relaxed) {
            let trusted_proxies = self.limits.trusted_proxies;
            tracing::warn!(
                trusted_proxies,
                "a client sends more than it may; behind a proxy all have its address unless Limits::trusted_proxies says so"
            );
        }
    }
}

#[cfg(test)]
mod tests;
