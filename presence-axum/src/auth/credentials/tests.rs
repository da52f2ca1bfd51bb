use super::*;
use http::{HeaderValue, Request};

const ALL: Sources<'_> = Sources::HEADER.query("token").subprotocol();

fn shown(uri: &str, headers: &[(&str, &str)], sources: Sources<'_>) -> Result<String, Refused> {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    Credentials::from_request(&parts, sources).map(|found| found.token().to_owned())
}

#[test]
fn a_token_comes_from_the_header_the_query_or_a_subprotocol() {
    assert_eq!(shown("/", &[("authorization", "Bearer t.1")], Sources::HEADER).unwrap(), "t.1");
    assert_eq!(shown("/?x=1&token=t.1", &[], ALL).unwrap(), "t.1");
    assert_eq!(shown("/?token=t%2E1%2B+", &[], ALL).unwrap(), "t.1+ ");
    assert_eq!(shown("/", &[("sec-websocket-protocol", "bearer, t.1")], ALL).unwrap(), "t.1");
    assert_eq!(
        shown("/", &[("sec-websocket-protocol", "presence.v1,bearer,t.1,other")], ALL).unwrap(),
        "t.1"
    );
    let lines = [("sec-websocket-protocol", "bearer"), ("sec-websocket-protocol", "t.1")];
    assert_eq!(shown("/", &lines, ALL).unwrap(), "t.1");
}

#[test]
fn only_the_allowed_sources_are_read() {
    let offered = [("sec-websocket-protocol", "bearer, t.1")];
    for sources in [Sources::HEADER, Sources::HEADER.query("access_token")] {
        assert_eq!(shown("/?token=t.1", &offered, sources), Err(Refused::Missing));
    }
}

#[test]
fn the_same_token_may_be_in_several_sources() {
    let headers = [("authorization", "Bearer t"), ("sec-websocket-protocol", "bearer, t")];
    assert_eq!(shown("/?token=t", &headers, ALL).unwrap(), "t");
}

#[test]
fn two_tokens_are_refused() {
    let header = ("authorization", "Bearer t");
    let offered = ("sec-websocket-protocol", "bearer, u");
    for (uri, headers) in [
        ("/?token=u", vec![header]),
        ("/", vec![header, offered]),
        ("/?token=t", vec![offered]),
        ("/?token=t&token=t", vec![]),
        ("/?token=t&token=u", vec![]),
        ("/", vec![("sec-websocket-protocol", "bearer, t, bearer, t")]),
        ("/", vec![header, header]),
    ] {
        assert!(matches!(shown(uri, &headers, ALL), Err(Refused::Invalid(_))), "{uri} {headers:?}");
    }
}

#[test]
fn other_schemes_and_empty_parameters_are_not_tokens() {
    for (uri, headers) in [
        ("/", vec![]),
        ("/?token=", vec![]),
        ("/?token", vec![]),
        ("/?tokens=t&xtoken=t", vec![]),
        ("/", vec![("authorization", "Basic dDp0")]),
        ("/", vec![("authorization", "Bearer")]),
        ("/", vec![("sec-websocket-protocol", "bearer")]),
        ("/", vec![("sec-websocket-protocol", "bearer,")]),
        ("/", vec![("sec-websocket-protocol", "Bearer, t")]),
        ("/", vec![("sec-websocket-protocol", "t, bearer")]),
    ] {
        assert_eq!(shown(uri, &headers, ALL), Err(Refused::Missing), "{uri} {headers:?}");
    }
    assert_eq!(shown("/?token=t", &[("authorization", "Basic dDp0")], ALL).unwrap(), "t");
}

#[test]
fn tokens_that_are_not_text_or_too_long_are_refused() {
    let long = "x".repeat(Credentials::MAX_BYTES + 1);
    for (uri, headers) in [
        ("/?token=%ff".to_owned(), vec![]),
        (format!("/?token={long}"), vec![]),
        ("/".to_owned(), vec![("authorization", "Bearer \u{e9}")]),
        ("/".to_owned(), vec![("sec-websocket-protocol", "bearer, \u{e9}")]),
    ] {
        assert!(matches!(shown(&uri, &headers, ALL), Err(Refused::Invalid(_))), "{headers:?}");
    }
}
