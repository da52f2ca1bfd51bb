//! [`Cors`]: the pages of other origins that may call.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, Uri};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The origins whose pages may call. Every value of this type is a valid configuration.
///
/// Our own instead of `tower-http`'s layer for two reasons: the header of a single origin is built
/// once, while that layer costs a quarter of a request; and contradictory settings are an error
/// when they are read instead of a panic when the layer is built.
///
/// ```
/// use presence_axum::Cors;
/// let cors: Cors = "https://app.example, https://admin.example".parse().unwrap();
/// assert!("https://app.example/path".parse::<Cors>().is_err());
/// assert!("*".parse::<Cors>().unwrap().credentials().is_err());
/// # let _ = cors;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    origins: Origins,
    credentials: bool,
    max_age: HeaderValue,
    methods: HeaderValue,
    /// The request headers that are allowed; `None`: whichever the preflight asks for.
    headers: Option<HeaderValue>,
    /// The response headers that a page may read; `None`: only `Retry-After`, where it is present.
    exposes: Option<HeaderValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    Any,
    /// Every response names this one origin, whatever the request: the browser compares.
    One(HeaderValue),
    /// A response names the origin of the request if it is in this list.
    Listed(Arc<[HeaderValue]>),
}

/// Why CORS settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCors {
    /// The list has no origin.
    #[error("no origin is given")]
    Empty,
    /// An entry is not an origin.
    #[error(
        "{0:?} is no origin: it must be like https://app.example or http://localhost:3000, without a path"
    )]
    NoOrigin(String),
    /// Credentials cannot be combined with "any origin": browsers refuse that.
    #[error("credentials need the origins to be listed, not `*`")]
    AnyWithCredentials,
    /// An entry is not the name of a method or a header.
    #[error("{0:?} is no name of a method or a header")]
    NoName(String),
}

/// The methods of the routes of this crate.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// Allowed when a preflight names no header.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");
const HOUR: Duration = Duration::from_hours(1);

impl Cors {
    /// Pages of any origin may call, without credentials.
    ///
    /// ```
    /// use presence_axum::Cors;
    /// assert_eq!(Cors::any(), "*".parse().unwrap());
    /// ```
    pub fn any() -> Self {
        Self::of(Origins::Any)
    }

    /// Pages of these origins may call.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::origins(["https://app.example", "https://admin.example"])?;
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCors::Empty`], [`InvalidCors::NoOrigin`].
    pub fn origins<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        let origins: Vec<_> =
            origins.into_iter().map(|text| origin(text.as_ref())).collect::<Result<_, _>>()?;
        match <[HeaderValue; 1]>::try_from(origins) {
            Ok([one]) => Ok(Self::of(Origins::One(one))),
            Err(none) if none.is_empty() => Err(InvalidCors::Empty),
            Err(several) => Ok(Self::of(Origins::Listed(several.into()))),
        }
    }

    fn of(origins: Origins) -> Self {
        let max_age = HOUR.as_secs().into();
        Self { origins, credentials: false, max_age, methods: METHODS, headers: None, exposes: None }
    }

    /// Lets pages send cookies and other credentials. Default: they may not.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::origins(["https://app.example"])?.credentials()?;
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCors::AnyWithCredentials`].
    pub fn credentials(self) -> Result<Self, InvalidCors> {
        match self.origins {
            Origins::Any => Err(InvalidCors::AnyWithCredentials),
            _ => Ok(Self { credentials: true, ..self }),
        }
    }

    /// Names an origin only to requests from that origin, even if it is the only one.
    ///
    /// By default a single origin is named in every response, so that caches can share responses.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::origins(["https://app.example"])?.echoing();
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    pub fn echoing(self) -> Self {
        let origins = match self.origins {
            Origins::One(origin) => Origins::Listed([origin].into()),
            other => other,
        };
        Self { origins, ..self }
    }

    /// How long a browser may cache the response to a preflight. Default 1 h; browsers cap it at 2
    /// to 24 h.
    ///
    /// ```
    /// use presence_axum::Cors;
    /// use std::time::Duration;
    /// let cors = Cors::any().max_age(Duration::from_mins(10));
    /// # let _ = cors;
    /// ```
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: max_age.as_secs().into(), ..self }
    }

    /// The methods that pages may use. Default: those of this crate's routes, `GET` and `POST`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::any().methods(["GET", "PUT"])?;
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn methods<T: AsRef<str>>(self, methods: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { methods: names(methods)?, ..self })
    }

    /// The headers that pages may send. Default: whichever they ask for.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::any().headers(["authorization", "x-request-id"])?;
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn headers<T: AsRef<str>>(self, headers: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { headers: Some(names(headers)?), ..self })
    }

    /// The response headers that pages may read in addition to those that browsers always show.
    /// Default: `Retry-After`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use presence_axum::Cors;
    /// let cors = Cors::any().exposes(["x-request-id"])?;
    /// # let _ = cors;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn exposes<T: AsRef<str>>(self, headers: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { exposes: Some(names(headers)?), ..self })
    }

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

/// `*`, or origins separated by commas.
impl FromStr for Cors {
    type Err = InvalidCors;

    fn from_str(text: &str) -> Result<Self, InvalidCors> {
        if text.trim() == "*" {
            return Ok(Self::any());
        }
        Self::origins(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()))
    }
}

/// Joins names of methods or headers into the value of one header.
fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<HeaderValue, InvalidCors> {
    let mut list = String::new();
    for name in names {
        let name = name.as_ref();
        // Methods and header names are tokens in the sense of RFC 9110. `*` is a token too, and
        // means all.
        let token = http::Method::from_bytes(name.as_bytes());
        token.map_err(|_| InvalidCors::NoName(name.to_owned()))?;
        list += if list.is_empty() { "" } else { ", " };
        list += name;
    }
    HeaderValue::try_from(&list).map_err(|_| InvalidCors::NoName(list))
}

/// An origin in the form that browsers send: in lower case, without a trailing slash.
fn origin(text: &str) -> Result<HeaderValue, InvalidCors> {
    let wrong = || InvalidCors::NoOrigin(text.to_owned());
    let bare = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri: Uri = bare.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let odd = authority.host().is_empty() || authority.as_str().contains(['@', '*']);
    if odd || format!("{scheme}://{authority}") != bare {
        return Err(wrong());
    }
    // Browsers leave out the default port.
    let said = match scheme {
        "https" => bare.strip_suffix(":443"),
        "http" => bare.strip_suffix(":80"),
        _ => None,
    };
    HeaderValue::try_from(said.unwrap_or(&bare)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
