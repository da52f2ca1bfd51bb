//! Enforces the limits: counts open streams, hits and queries, and refuses what exceeds them.

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

/// How many rows of a response count as one query.
pub(super) const ROWS: usize = 50;

/// Counts open streams, in total and per client, and limits the rates of hits and queries.
///
/// A concurrency-limit layer does not work here: it counts running handlers, and a stream continues
/// after its handler has returned. Hence the [`Permit`], which is moved into the stream.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) limits: Limits,
    pub(super) open: Mutex<Open>,
    hits_of_client: Option<Rate>,
    hits_of_user: Option<Rate>,
    queries_of_client: Option<Rate>,
    /// Whether the warning about a client at its limit was logged.
    warned: AtomicBool,
}

/// Holds an entry only for clients with an open stream, so that `all` bounds the map.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) all: Held,
    pub(super) by_client: HashMap<Client, Held>,
}

/// How many streams and topics are open.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) streams: usize,
    /// The topics that those streams watch; a topic counts once for each stream.
    pub(super) topics: usize,
}

impl Limiter {
    /// A limiter with these limits and the system's clock.
    ///
    /// ```
    /// use presence_axum::Limits;
    /// use presence_axum::limits::Limiter;
    /// let limiter = Limiter::new(Limits::default().streams(1_000));
    /// assert_eq!(limiter.open(), 0);
    /// ```
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, &(Arc::new(SystemClock) as Arc<dyn Clock>))
    }

    /// A limiter with these limits and this clock.
    ///
    /// ```
    /// # fn example(presence: &presence_core::Presence) {
    /// use presence_axum::Limits;
    /// use presence_axum::limits::Limiter;
    /// let limiter = Limiter::with_clock(Limits::default(), presence.clock());
    /// # let _ = limiter;
    /// # }
    /// ```
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
    ///
    /// ```
    /// use presence_axum::Limits;
    /// use presence_axum::limits::Limiter;
    /// let limiter = Limiter::new(Limits::default());
    /// let permit = limiter.admit(None);
    /// assert_eq!(limiter.open(), 1);
    /// # drop(permit);
    /// ```
    pub fn open(&self) -> usize {
        self.0.open.lock().all.streams
    }

    /// Counts a hit of the client that sends this request.
    ///
    /// ```
    /// # use axum::extract::Request;
    /// # use presence_axum::{Error, limits::Limiter};
    /// # fn example(limiter: &Limiter, request: &Request) -> Result<(), Error> {
    /// limiter.hit(request.extensions(), request.headers())?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 429 `too many requests` when the client has used up its quota of hits.
    pub fn hit(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
        self.count(self.0.hits_of_client.as_ref(), extensions, headers)
    }

    /// Counts a hit of this user.
    ///
    /// ```
    /// use presence_axum::Limits;
    /// use presence_axum::limits::{Limiter, Quota};
    /// let limiter = Limiter::new(Limits::default().hits_per_user(Quota::per_minute(1)));
    /// let ada = presence_core::UserId::new("ada").unwrap();
    /// assert!(limiter.hit_of(&ada).is_ok() && limiter.hit_of(&ada).is_err());
    /// ```
    ///
    /// # Errors
    /// 429 `too many requests` when the user has used up the quota of hits.
    pub fn hit_of(&self, user: &UserId) -> Result<(), Error> {
        self.0.hits_of_user.as_ref().map_or(Ok(()), |rate| rate.check(user)).map_err(|too_many| {
            LIMITS.hits_user.increment(1);
            too_many.into()
        })
    }

    /// Counts a query, or the opening of a stream, of the client that sends this request.
    ///
    /// ```
    /// # use axum::extract::Request;
    /// # use presence_axum::{Error, limits::Limiter};
    /// # fn example(limiter: &Limiter, request: &Request) -> Result<(), Error> {
    /// limiter.query(request.extensions(), request.headers())?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 429 `too many requests` when the client has used up its quota of queries.
    pub fn query(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
        self.count(self.0.queries_of_client.as_ref(), extensions, headers)
    }

    /// Counts the cost of a large response on top of the query itself: one query for
    /// each fifty rows.
    ///
    /// ```
    /// # fn main() -> Result<(), presence_axum::Error> {
    /// use presence_axum::Limits;
    /// use presence_axum::limits::{Client, Limiter};
    /// let limiter = Limiter::new(Limits::default());
    /// let client = Client::from(std::net::IpAddr::from([203, 0, 113, 9]));
    /// limiter.rows(Some(client), 500)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// 429 `too many requests` when the client has used up its quota of queries.
    pub fn rows(&self, client: Option<Client>, rows: usize) -> Result<(), Error> {
        self.0.queries(client, rows / ROWS)
    }

    /// The client that a request comes from, seen through the trusted proxies.
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

    /// Admits one more stream of this client. A stream of an unknown client (`None`) counts towards
    /// the total only.
    ///
    /// ```
    /// use presence_axum::Limits;
    /// use presence_axum::limits::Limiter;
    /// let limiter = Limiter::new(Limits::default().streams(1));
    /// let permit = limiter.admit(None);
    /// assert!(permit.is_ok() && limiter.admit(None).is_err());
    /// drop(permit);
    /// assert!(limiter.admit(None).is_ok());
    /// ```
    ///
    /// # Errors
    /// 503 `full` when the process has [`Limits::streams`] open, 429 `too many streams` when the
    /// client has [`Limits::streams_per_client`] open.
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

    /// Admits one more stream, for the client that sent this request.
    ///
    /// ```
    /// # use axum::extract::Request;
    /// # use presence_axum::{Error, limits::Limiter};
    /// # fn example(limiter: &Limiter, request: &Request) -> Result<(), Error> {
    /// let permit = limiter.admit_from(request.extensions(), request.headers())?;
    /// # drop(permit);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`admit`](Self::admit).
    pub fn admit_from(&self, extensions: &Extensions, headers: &HeaderMap) -> Result<Permit, Error> {
        self.admit(Client::of(extensions, headers, self.0.limits.trusted_proxies))
    }
}

impl Inner {
    /// Counts several queries at once; an unknown client is not limited.
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

    /// Logs once that a client has met its limit: it may be a proxy, whose address stands for all
    /// clients behind it.
    fn warn(&self) {
        if !self.warned.swap(true, Relaxed) {
            let trusted_proxies = self.limits.trusted_proxies;
            tracing::warn!(
                trusted_proxies,
                "a client exceeds its rate limit; if it is a proxy of yours, set Limits::trusted_proxies"
            );
        }
    }
}

#[cfg(test)]
mod tests;
