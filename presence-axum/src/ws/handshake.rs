//! The upgrade from HTTP to frames.

use crate::Error;
use crate::auth::BEARER;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use sha1::{Digest, Sha1};

/// The constant of RFC 6455 that is hashed together with the key of a request.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A valid upgrade request, as RFC 6455 requires.
pub(super) struct Handshake {
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
    pub(super) upgrade: OnUpgrade,
}

/// Why a request is not a valid upgrade.
pub(super) enum NotAnUpgrade {
    /// 426: the request does not ask for an upgrade to this version.
    Absent,
    /// The upgrade request is malformed.
    Malformed(Error),
}

impl Handshake {
    /// Reads the head of a request. Selects one of the offered subprotocols: `bearer`, or
    /// one of `known`.
    pub(super) fn read(parts: &mut Parts, known: &[&'static str]) -> Result<Self, NotAnUpgrade> {
        let headers = &parts.headers;
        let asked = parts.method == Method::GET
            && tokens(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
            && tokens(headers, &header::UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"));
        let version = headers.get(header::SEC_WEBSOCKET_VERSION);
        if !asked || version.is_none_or(|version| version.as_bytes() != b"13") {
            return Err(NotAnUpgrade::Absent);
        }
        let wrong = |words: &'static str| NotAnUpgrade::Malformed(Error::bad_request(words));
        let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(wrong("no key")) };
        if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
            return Err(wrong("invalid key"));
        }
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        let accept = HeaderValue::try_from(STANDARD.encode(digest)).map_err(|_| wrong("invalid key"))?;
        let selects = |offered: &str| offered == BEARER || known.contains(&offered);
        let protocol = tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL).find(|offered| selects(offered));
        let protocol = protocol.and_then(|protocol| HeaderValue::from_str(protocol).ok());
        // The extension is missing behind a server or a layer that cannot upgrade.
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(NotAnUpgrade::Absent)?;
        Ok(Self { accept, protocol, upgrade })
    }

    /// The response after which the connection carries frames, and the future of
    /// the upgraded connection.
    pub(super) fn accept(self) -> (OnUpgrade, Response) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        (self.upgrade, response)
    }
}

impl IntoResponse for NotAnUpgrade {
    fn into_response(self) -> Response {
        match self {
            Self::Malformed(error) => error.into_response(),
            Self::Absent => {
                let mut response = Error::new(StatusCode::UPGRADE_REQUIRED, "websocket only").into_response();
                let headers = response.headers_mut();
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                response
            }
        }
    }
}

/// The elements of a header that is a list.
fn tokens<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}
