//! Determines whether a request comes from a page of this origin or of another.

use crate::Cors;
use http::{HeaderMap, HeaderValue, header};

/// The kind of page that sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// A page of this origin.
    Own,
    /// A page of an origin that CORS lists, with or without credentials.
    Listed { credentials: bool },
    /// A page of another origin.
    Foreign,
    /// Unknown: the request comes from no browser, or from a very old one.
    Unknown,
}

/// Determines the page by `Sec-Fetch-Site` and `Origin`, which pages cannot set themselves.
pub(crate) fn page(headers: &HeaderMap, cors: Option<&Cors>) -> Page {
    let origin = only(headers, header::ORIGIN.as_str());
    let site = only(headers, "sec-fetch-site");
    match (site, origin) {
        (Header::Once(site), _) if matches!(site.as_bytes(), b"same-origin" | b"none") => Page::Own,
        (_, Header::Once(origin)) if is_own(origin, headers) => Page::Own,
        (_, Header::Once(origin)) => match cors.and_then(|cors| cors.lists(origin)) {
            Some(credentials) => Page::Listed { credentials },
            None => Page::Foreign,
        },
        (Header::Absent, Header::Absent) => Page::Unknown,
        _ => Page::Foreign,
    }
}

enum Header<'a> {
    Absent,
    Once(&'a HeaderValue),
    /// Two such headers: a proxy may have checked the other one.
    Repeated,
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => Header::Once(value),
        (Some(_), Some(_)) => Header::Repeated,
    }
}

/// Whether an origin names the host that the request was sent to. The scheme is not compared, since
/// behind a proxy it is not known here.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let Header::Once(host) = only(headers, header::HOST.as_str()) else { return false };
    let (Ok(origin), Ok(host)) = (origin.to_str(), host.to_str()) else { return false };
    let (bare, port) = match origin.split_once("://") {
        Some(("https", bare)) => (bare, ":443"),
        Some(("http", bare)) => (bare, ":80"),
        _ => return false,
    };
    let host = host.strip_suffix(port).unwrap_or(host);
    !bare.is_empty() && bare.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &[(&'static str, &'static str)]) -> Page {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let cors = Cors::origins(["https://app.example"]).unwrap().credentials().unwrap();
        page(&headers, Some(&cors))
    }

    const HOST: (&str, &str) = ("host", "chat.example");

    #[test]
    fn a_page_of_the_same_origin_is_our_own() {
        for said in [
            vec![HOST, ("origin", "https://chat.example")],
            vec![HOST, ("origin", "http://CHAT.example")],
            vec![("host", "chat.example:443"), ("origin", "https://chat.example")],
            vec![("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            vec![HOST, ("sec-fetch-site", "same-origin"), ("origin", "null")],
            vec![HOST, ("sec-fetch-site", "same-origin")],
            vec![HOST, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(of(&said), Page::Own, "{said:?}");
        }
    }

    #[test]
    fn any_other_page_is_foreign() {
        for said in [
            vec![HOST, ("origin", "https://evil.example")],
            vec![HOST, ("origin", "https://chat.example.evil.example")],
            vec![HOST, ("origin", "https://chat.example:8443")],
            vec![HOST, ("origin", "https://sub.chat.example")],
            vec![("host", "chat.example:80"), ("origin", "https://chat.example")],
            vec![HOST, ("origin", "null")],
            vec![HOST, ("origin", "")],
            vec![HOST, ("origin", "chat.example")],
            vec![HOST, ("origin", "file://chat.example")],
            vec![HOST, ("sec-fetch-site", "cross-site")],
            vec![HOST, ("sec-fetch-site", "same-site")],
            vec![HOST, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            vec![HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            vec![HOST, ("origin", "https://chat.example"), ("origin", "https://evil.example")],
            vec![HOST, ("host", "evil.example"), ("origin", "https://evil.example")],
            vec![("origin", "https://chat.example")],
        ] {
            assert_eq!(of(&said), Page::Foreign, "{said:?}");
        }
    }

    #[test]
    fn listed_origins_are_recognised_and_other_clients_are_unknown() {
        assert_eq!(of(&[HOST, ("origin", "https://app.example")]), Page::Listed { credentials: true });
        let cross = [HOST, ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(of(&cross), Page::Listed { credentials: true });
        assert_eq!(of(&[HOST]), Page::Unknown);
    }
}
