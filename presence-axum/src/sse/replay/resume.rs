//! The event after which a viewer resumes.

use crate::query::fields;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use presence_core::broker::EventId;
use std::convert::Infallible;

/// The last event that a client has seen: `Last-Event-ID`, which an `EventSource` sends when it
/// reconnects, or `?lastEventId=`, for a page that opens a new stream.
///
/// The header takes precedence, since it is newer. A malformed id counts as none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume(Option<EventId>);

impl Resume {
    /// Resumes after this event.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::sse::Resume;
    /// use presence_core::broker::EventId;
    /// let last_seen: EventId = "1f-7".parse()?;
    /// assert_eq!(Resume::behind(last_seen).after(), Some(last_seen));
    /// # Ok(()) }
    /// ```
    pub fn behind(id: EventId) -> Self {
        Self(Some(id))
    }

    /// Reads the header and the query of a request.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use presence_axum::sse::Resume;
    /// assert_eq!(Resume::of(&HeaderMap::new(), None).after(), None);
    /// ```
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let header = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
        if let Some(id) = header {
            return Self(id.parse().ok());
        }
        let [id] = fields(query, ["lastEventId"]).unwrap_or_default();
        Self(id.and_then(|id| id.parse().ok()))
    }

    /// The event to resume after, if any.
    pub fn after(self) -> Option<EventId> {
        self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Resume {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, parts.uri.query()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn resume(header: Option<&'static str>, query: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(id) = header {
            headers.insert("last-event-id", HeaderValue::from_static(id));
        }
        Resume::of(&headers, Some(query)).after().map(|id| id.to_string())
    }

    #[test]
    fn the_header_takes_precedence_over_the_query() {
        assert_eq!(resume(Some("a-1"), "lastEventId=b-2").as_deref(), Some("a-1"));
        assert_eq!(resume(None, "x=1&lastEventId=b-2").as_deref(), Some("b-2"));
        assert_eq!(resume(Some(""), "lastEventId=b-2").as_deref(), Some("b-2"));
    }

    #[test]
    fn an_invalid_id_counts_as_none() {
        for (header, query) in [
            (None, ""),
            (None, "lastEventId="),
            (None, "lastEventId=%ff"),
            (Some("7"), ""),
            (Some("x-y"), ""),
        ] {
            assert_eq!(resume(header, query), None, "{header:?} {query}");
        }
    }
}
