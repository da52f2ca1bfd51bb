//! What queries say. Everything is read as text and checked by us, so that an error names what is wrong.

use crate::Error;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use presence_core::Topic;
use serde::Deserialize;

/// What a query says; or that it says something twice, or in no Unicode.
pub type Asked<T> = Result<Query<T>, QueryRejection>;

pub(crate) fn asked<T>(query: Asked<T>) -> Result<T, Error> {
    query.map(|Query(asked)| asked).map_err(|_| Error::bad_request("invalid query"))
}

/// `?topic=`: where.
#[derive(Debug, Deserialize)]
pub struct Where {
    pub(crate) topic: Option<String>,
}

impl Where {
    pub(crate) fn topic(&self) -> Result<Option<Topic>, Error> {
        self.topic.as_deref().map(Topic::new).transpose().map_err(|_| Error::bad_request("invalid topic"))
    }
}

/// `?topic=&limit=&cursor=`: a page of where.
#[derive(Debug, Deserialize)]
pub struct Paging {
    pub(crate) topic: Option<String>,
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
}

/// `?limit=`: how many.
#[derive(Debug, Deserialize)]
pub struct Most {
    pub(crate) limit: Option<String>,
}

/// `?last_event_id=`: where a reader that had the stream before wants to go on.
#[derive(Debug, Deserialize)]
pub struct Resume {
    pub(crate) last_event_id: Option<String>,
}

/// A number of rows from 1 to `most`.
pub(crate) fn limit_of(text: Option<&str>, default: usize, most: usize) -> Result<usize, Error> {
    let Some(text) = text else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Error::bad_request("invalid limit"))
}
