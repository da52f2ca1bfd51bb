//! Which pages of other origins may call.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, Uri};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The origins whose pages may call, valid from the moment it exists.
///
/// Written by hand instead of taken from `tower-http`: one origin is one header that is ready
/// beforehand, which costs a hit nothing to speak of (the layer there costs a quarter of a
/// request), and a setting that contradicts itself is an error when it is read instead of a panic
/// when the layer is built.
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
    /// `None` allows what is asked for.
    headers: Option<HeaderValue>,
    /// What a page may read of every answer; `None` for nothing but `Retry-After` where it is.
    exposes: Option<HeaderValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    Any,
    /// Named in each answer, whoever asks: the browser compares. Nothing depends on the request.
    One(HeaderValue),
    /// The one that asks is named, if it is in the list.
    Listed(Arc<[HeaderValue]>),
}

/// Why CORS settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCors {
    /// There is no origin in the list.
    #[error("no origin is given")]
    Empty,
    /// An entry is no origin.
    #[error(
        "{0:?} is no origin: it must be like https://app.example or http://localhost:3000, without a path"
    )]
    NoOrigin(String),
    /// Browsers refuse credentials where every origin is allowed.
    #[error("credentials need the origins to be listed, not `*`")]
    AnyWithCredentials,
    /// An entry is no name of a method or a header.
    #[error("{0:?} is no name of a method or a header")]
    NoName(String),
}

/// Methods that our routes have.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// What a preflight that asks for no header by name is told.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");
const HOUR: Duration = Duration::from_hours(1);

impl Cors {
    /// Pages of any origin may call, without credentials.
    pub fn any() -> Self {
        Self::of(Origins::Any)
    }

    /// Pages of these origins may call.
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

    /// Lets pages send cookies and other credentials. Default no.
    ///
    /// # Errors
    /// [`InvalidCors::AnyWithCredentials`].
    pub fn credentials(self) -> Result<Self, InvalidCors> {
        match self.origins {
            Origins::Any => Err(InvalidCors::AnyWithCredentials),
            _ => Ok(Self { credentials: true, ..self }),
        }
    }

    /// Names an origin only to the page that asks from it, also where there is but one.
    ///
    /// By default a single origin is named to everybody, which lets answers be cached for all.
    pub fn echoing(self) -> Self {
        let origins = match self.origins {
            Origins::One(origin) => Origins::Listed([origin].into()),
            other => other,
        };
        Self { origins, ..self }
    }

    /// How long a browser may remember a preflight's answer. Default 1 h; browsers cut it at 2 to
    /// 24 h.
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: max_age.as_secs().into(), ..self }
    }

    /// The methods that pages may use. Default: those of our own routes, `GET` and `POST`.
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn methods<T: AsRef<str>>(self, methods: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { methods: names(methods)?, ..self })
    }

    /// The headers that pages may send. Default: those that they ask for.
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn headers<T: AsRef<str>>(self, headers: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { headers: Some(names(headers)?), ..self })
    }

    /// The headers of answers that pages may read, beside those that browsers always show. Default:
    /// `Retry-After`.
    ///
    /// # Errors
    /// [`InvalidCors::NoName`].
    pub fn exposes<T: AsRef<str>>(self, headers: impl IntoIterator<Item = T>) -> Result<Self, InvalidCors> {
        Ok(Self { exposes: Some(names(headers)?), ..self })
    }

    /// Whether an origin is listed, and then whether its pages may send credentials. Where any may
    /// call, none is listed with credentials.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> Option<bool> {
        let listed = match &self.origins {
            Origins::Any => true,
            Origins::One(one) => one == origin,
            Origins::Listed(origins) => origins.contains(origin),
        };
        listed.then_some(self.credentials)
    }

    /// Adds to any answer what lets the page read it; answers whether the page may.
    pub(crate) fn answer(&self, asks: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let allowed = match &self.origins {
            Origins::Any => HeaderValue::from_static("*"),
            Origins::One(origin) => origin.clone(),
            Origins::Listed(origins) => {
                // A cache must not give one page the answer that names another.
                headers.append(VARY, HeaderValue::from_static("origin"));
                match asks.filter(|asks| origins.contains(asks)) {
                    Some(asks) => asks.clone(),
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

    /// What a preflight is answered.
    ///
    /// Unless headers are listed it allows those that are asked for: an origin that may call may
    /// say what it likes, and the browser asks for those of the page alone. A page that may not
    /// call is told nothing.
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

/// Names of methods or headers as one header lists them.
fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<HeaderValue, InvalidCors> {
    let mut list = String::new();
    for name in names {
        let name = name.as_ref();
        // Both are tokens by RFC 9110. `*` is one too, and means all of them.
        let token = http::Method::from_bytes(name.as_bytes());
        token.map_err(|_| InvalidCors::NoName(name.to_owned()))?;
        list += if list.is_empty() { "" } else { ", " };
        list += name;
    }
    HeaderValue::try_from(&list).map_err(|_| InvalidCors::NoName(list))
}

/// An origin as browsers send it: in lower case, without the slash that people add.
fn origin(text: &str) -> Result<HeaderValue, InvalidCors> {
    let wrong = || InvalidCors::NoOrigin(text.to_owned());
    let bare = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let uri: Uri = bare.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let odd = authority.host().is_empty() || authority.as_str().contains(['@', '*']);
    if odd || format!("{scheme}://{authority}") != bare {
        return Err(wrong());
    }
    // Browsers leave out the port that goes without saying.
    let said = match scheme {
        "https" => bare.strip_suffix(":443"),
        "http" => bare.strip_suffix(":80"),
        _ => None,
    };
    HeaderValue::try_from(said.unwrap_or(&bare)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
