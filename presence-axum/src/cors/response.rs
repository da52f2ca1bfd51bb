//! The headers by which browsers learn which pages may call.

use super::{Cors, Origins};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue};

/// Allowed when a preflight names no header.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");

impl Cors {
    /// Whether an origin is listed, and if so, whether its pages may send credentials. "Any origin"
    /// counts as listed without credentials.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> Option<bool> {
        let listed = match &self.origins {
            Origins::Any => true,
            Origins::One(one) => one == origin,
            Origins::Listed(origins) => origins.contains(origin),
        };
        listed.then_some(self.credentials)
    }

    /// Adds the headers that let the page read a response. Returns whether the page may read it.
    pub(crate) fn answer(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let allowed = match &self.origins {
            Origins::Any => HeaderValue::from_static("*"),
            Origins::One(origin) => origin.clone(),
            Origins::Listed(origins) => {
                // Keeps a cache from giving the response for one origin to a page of another.
                headers.append(VARY, HeaderValue::from_static("origin"));
                match origin.filter(|origin| origins.contains(origin)) {
                    Some(origin) => origin.clone(),
                    None => return false,
                }
            }
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if let Some(exposes) = &self.exposes {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposes.clone());
        } else if headers.contains_key(RETRY_AFTER) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        }
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// The headers of the response to a preflight.
    ///
    /// Without a list of headers, those that the preflight asks for are allowed: an origin that may
    /// call may send any header. A page that may not call gets no headers.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        if !self.answer(request.get(ORIGIN), &mut headers) {
            return headers;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        let asked = self.headers.as_ref().or_else(|| request.get(ACCESS_CONTROL_REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.cloned().unwrap_or(HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers
    }
}
