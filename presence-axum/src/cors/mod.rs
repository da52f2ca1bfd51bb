//! [`Cors`]: the pages of other origins that may call.

mod parse;
mod response;

pub use parse::InvalidCors;

use http::HeaderValue;
use parse::{names, origin};
use std::sync::Arc;
use std::time::Duration;

/// The origins whose pages may call. Every value of this type is a valid configuration.
///
/// The crate does not use `tower-http`'s layer for two reasons. That layer builds the header of a
/// single origin for each response, which takes a quarter of the time of a request. And it panics
/// on contradictory settings when it is built, whereas here they are an error when they are read.
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

/// The methods of the routes of this crate.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
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
}

#[cfg(test)]
mod tests;
