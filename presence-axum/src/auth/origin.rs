//! Finds out whether a request comes from a page of this origin or of another.

use crate::Cors;
use http::{HeaderMap, HeaderValue, header};

/// The kind of page that sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// A page of this very origin.
    Own,
    /// A page of an origin that CORS lists; with credentials or without.
    Listed { credentials: bool },
    /// A page of another origin.
    Foreign,
    /// The request does not say: it comes from no browser, or from a very old one.
    Unsaid,
}

/// Says which page sends a request, by `Sec-Fetch-Site` and `Origin`, which no page can set.
pub(crate) fn page(headers: &HeaderMap, cors: Option<&Cors>) -> Page {
    let origin = only(headers, header::ORIGIN.as_str());
    let site = only(headers, "sec-fetch-site");
    match (site, origin) {
        (Said::Once(site), _) if matches!(site.as_bytes(), b"same-origin" | b"none") => Page::Own,
        (_, Said::Once(origin)) if is_own(origin, headers) => Page::Own,
        (_, Said::Once(origin)) => match cors.and_then(|cors| cors.lists(origin)) {
            Some(credentials) => Page::Listed { credentials },
            None => Page::Foreign,
        },
        (Said::Nothing, Said::Nothing) => Page::Unsaid,
        _ => Page::Foreign,
    }
}

enum Said<'a> {
    Nothing,
    Once(&'a HeaderValue),
    /// One of them is what a proxy looked at.
    Twice,
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Said<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => Said::Once(value),
        (Some(_), Some(_)) => Said::Twice,
    }
}

/// Whether an origin names the host that the request was sent to. The scheme is not compared:
/// behind a proxy nobody here knows it.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let Said::Once(host) = only(headers, header::HOST.as_str()) else { return false };
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
    fn an_origin_that_is_listed_is_and_no_browser_says_nothing() {
        assert_eq!(of(&[HOST, ("origin", "https://app.example")]), Page::Listed { credentials: true });
        let cross = [HOST, ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(of(&cross), Page::Listed { credentials: true });
        assert_eq!(of(&[HOST]), Page::Unsaid);
    }
}
