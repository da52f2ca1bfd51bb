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
/// Written by hand instead of taken from `tower-http`: one origin is one header that is ready beforehand, which costs a
/// hit nothing to speak of (the layer there costs a quarter of a request), and a setting that contradicts itself is an
/// error when it is read instead of a panic when the layer is built.
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
        Self { origins, credentials: false, max_age: HOUR.as_secs().into() }
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

    /// How long a browser may remember a preflight's answer. Default 1 h; browsers cut it at 2 to 24 h.
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: max_age.as_secs().into(), ..self }
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
        if headers.contains_key(RETRY_AFTER) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        }
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }

    /// What a preflight is answered.
    ///
    /// It allows the headers that are asked for: an origin that may call may say what it likes, and the browser asks for
    /// those of the page alone. A page that may not call is told nothing.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        if !self.answer(request.get(ORIGIN), &mut headers) {
            return headers;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
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
mod tests {
    use super::*;

    fn named(cors: &str, asks: Option<&'static str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        let asks = asks.map(HeaderValue::from_static);
        cors.parse::<Cors>().unwrap().answer(asks.as_ref(), &mut headers);
        headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned())
    }

    #[test]
    fn one_origin_is_named_to_everybody() {
        for asks in [None, Some("https://a.example"), Some("https://evil.example")] {
            assert_eq!(named("https://A.example/", asks).as_deref(), Some("https://a.example"));
        }
    }

    #[test]
    fn one_origin_may_be_named_only_to_its_own_pages() {
        let cors = Cors::origins(["https://a.example"]).unwrap().echoing();
        let ask = |asks| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(asks))]);
        let own = cors.preflight(&ask("https://a.example"));
        assert_eq!(own[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        let other = cors.preflight(&ask("https://evil.example"));
        assert_eq!(other, HeaderMap::from_iter([(VARY, HeaderValue::from_static("origin"))]));
        assert_eq!(Cors::any().echoing(), Cors::any());
    }

    #[test]
    fn of_several_origins_only_the_one_that_asks_is_named() {
        let list = "https://a.example, http://localhost:3000";
        assert_eq!(named(list, Some("http://localhost:3000")).as_deref(), Some("http://localhost:3000"));
        assert_eq!(named(list, Some("https://evil.example")), None);
        assert_eq!(named(list, None), None);
        assert_eq!(named("*", Some("https://evil.example")).as_deref(), Some("*"));
    }

    #[test]
    fn what_is_no_origin_is_refused_when_it_is_read() {
        for text in [
            "",
            " , ",
            "example.com",
            "https://a.example/x",
            "https://u@a.example",
            "null",
            "https://",
            "a b",
            "https://*",
        ] {
            let refused = text.parse::<Cors>();
            assert!(refused.is_err(), "{text:?} gave {refused:?}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(named("HTTPS://A.Example:443/", None).as_deref(), Some("https://a.example"));
        assert_eq!(named("http://localhost:3000", None).as_deref(), Some("http://localhost:3000"));
    }

    #[test]
    fn credentials_for_everybody_are_an_error_and_no_panic() {
        assert_eq!(Cors::any().credentials(), Err(InvalidCors::AnyWithCredentials));
        assert!(Cors::origins(["https://a.example"]).unwrap().credentials().is_ok());
    }
}
