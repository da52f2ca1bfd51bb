use super::*;
use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};

fn named(cors: &str, origin: Option<&'static str>) -> Option<String> {
    let mut headers = HeaderMap::new();
    let origin = origin.map(HeaderValue::from_static);
    cors.parse::<Cors>().unwrap().answer(origin.as_ref(), &mut headers);
    headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned())
}

#[test]
fn a_single_origin_is_in_every_response() {
    for origin in [None, Some("https://a.example"), Some("https://evil.example")] {
        assert_eq!(named("https://A.example/", origin).as_deref(), Some("https://a.example"));
    }
}

#[test]
fn a_single_origin_may_be_limited_to_its_own_pages() {
    let cors = Cors::origins(["https://a.example"]).unwrap().echoing();
    let ask = |origin| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
    let own = cors.preflight(&ask("https://a.example"));
    assert_eq!(own[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
    let other = cors.preflight(&ask("https://evil.example"));
    assert_eq!(other, HeaderMap::from_iter([(VARY, HeaderValue::from_static("origin"))]));
    assert_eq!(Cors::any().echoing(), Cors::any());
}

#[test]
fn of_several_origins_only_that_of_the_request_is_named() {
    let list = "https://a.example, http://localhost:3000";
    assert_eq!(named(list, Some("http://localhost:3000")).as_deref(), Some("http://localhost:3000"));
    assert_eq!(named(list, Some("https://evil.example")), None);
    assert_eq!(named(list, None), None);
    assert_eq!(named("*", Some("https://evil.example")).as_deref(), Some("*"));
}

#[test]
fn an_invalid_origin_is_refused_when_it_is_parsed() {
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
fn methods_and_headers_are_those_that_are_listed() {
    let cors = Cors::any().methods(["GET", "DELETE"]).unwrap().headers(["X-One", "X-Two"]).unwrap();
    let asked = HeaderMap::from_iter([(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-three"))]);
    let told = cors.exposes(["Presence-View"]).unwrap().preflight(&asked);
    assert_eq!(told[ACCESS_CONTROL_ALLOW_METHODS], "GET, DELETE");
    assert_eq!(told[ACCESS_CONTROL_ALLOW_HEADERS], "X-One, X-Two");
    assert_eq!(told[ACCESS_CONTROL_EXPOSE_HEADERS], "Presence-View");
    assert_eq!(Cors::any().preflight(&asked)[ACCESS_CONTROL_ALLOW_HEADERS], "x-three");
    for odd in ["", "two words", "a\r\nb", "é", "x:"] {
        assert_eq!(Cors::any().headers([odd]), Err(InvalidCors::NoName(odd.to_owned())));
    }
}

#[test]
fn credentials_for_any_origin_are_an_error() {
    assert_eq!(Cors::any().credentials(), Err(InvalidCors::AnyWithCredentials));
    assert!(Cors::origins(["https://a.example"]).unwrap().credentials().is_ok());
}
