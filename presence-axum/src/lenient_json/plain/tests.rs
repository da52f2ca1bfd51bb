use super::*;
use crate::lenient_json::object;
use presence_core::testing::conformance::mutations;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["kind", "topics", "idle_ms"];

const HIT: &str = r#"{"kind":"beat","session":"tab-1","topics":["/page/1","b"],"idle_ms":1200}"#;

/// What `serde_json` reads; `None` for what it refuses.
fn by_serde(text: &str) -> Option<[Json<'_>; 3]> {
    Some(object::fields(text, &NAMES).ok()?.map(|raw| raw.map_or(Json::Null, Json::from)))
}

/// Whether the text was plain. Panics if the two readers differ.
fn agrees(text: &str) -> bool {
    let plain = fields(text, &NAMES);
    if let Some(plain) = &plain {
        assert_eq!(Some(plain), by_serde(text).as_ref(), "{text}");
    }
    let list = strings(text, |string| Ok::<_, ()>(string.to_owned()));
    if let Some(list) = &list {
        assert_eq!(list.as_ref().ok(), serde_json::from_str(text).ok().as_ref(), "{text}");
    }
    plain.is_some() || list.is_some()
}

#[test]
fn a_hit_of_a_page_is_plain() {
    let [kind, topics, idle] = fields(HIT, &NAMES).unwrap();
    assert_eq!(kind, Json::Text("beat".into()));
    assert_eq!(topics, Json::Array(r#"["/page/1","b"]"#));
    assert_eq!(idle, Json::Number(Number::new("1200")));
    for text in [
        "{}",
        " { } ",
        r#"{"now":true,"a":false,"kind":null}"#,
        "{ \"kind\" : \"a\" ,\n\t\"topics\" : [ ] , \"x\" : [ \"y\" , \"z\" ] }\r\n",
        r#"{"kind":"a","kind":"ä€😀","idle_ms":0}"#,
        r#"["a","b"]"#,
    ] {
        assert!(agrees(text), "{text}");
    }
}

#[test]
fn other_text_is_left_to_serde_json() {
    for text in [
        "",
        " ",
        "{",
        "null",
        "1",
        "[1]",
        r#"["a",]"#,
        r#"["a"] b"#,
        r#"["a" "b"]"#,
        r#"{"kind":"a",}"#,
        r#"{"kind":"a"} x"#,
        r#"{"kind" "a"}"#,
        r#"{"kind":"a" "topics":[]}"#,
        r#"{kind:"a"}"#,
        r#"{"kind":"\u0061"}"#,
        r#"{"k\u0069nd":"a"}"#,
        "{\"kind\":\"\t\"}",
        r#"{"idle_ms":01}"#,
        r#"{"idle_ms":-1}"#,
        r#"{"idle_ms":1.5}"#,
        r#"{"idle_ms":1e3}"#,
        r#"{"idle_ms":12"#,
        r#"{"idle_ms":1a}"#,
        r#"{"now":trueish}"#,
        r#"{"now":tru}"#,
        r#"{"meta":{}}"#,
        r#"{"topics":[["a"]]}"#,
        r#"{"topics":["a",1]}"#,
        "\u{feff}{}",
    ] {
        assert!(!agrees(text), "{text}");
    }
}

#[test]
fn the_first_refused_string_of_a_list_is_the_result() {
    let short = |string: &str| if string.len() < 2 { Ok(string.len()) } else { Err(string.to_owned()) };
    assert_eq!(strings(r#"["a",""]"#, short), Some(Ok(vec![1, 0])));
    assert_eq!(strings(r#"["a","bc","def"]"#, short), Some(Err("bc".to_owned())));
    assert_eq!(strings(r#"["bc",1]"#, short), None);
}

#[test]
fn mutated_text_is_read_as_by_serde_json() {
    let examples =
        [HIT.as_bytes(), br#"{ "kind": null, "now": true, "idle_ms": 0, "topics": [] }"#, br#"["a", "b"]"#];
    mutations(&examples, |data| std::str::from_utf8(data).is_ok_and(agrees));
}

/// Pieces of which JSON consists, put together at random: most are not JSON, and some are plain.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\"",
        "\\",
        "\"kind\"",
        "\"topics\"",
        "\"idle_ms\":",
        "\"a\"",
        "\"\\n\"",
        "null",
        "true",
        "false",
        "0",
        "12",
        "-1",
        "1.5",
        "1e9",
        "ä",
        "\n",
        "\u{1}",
    ]);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_as_by_serde_json(text in pieces(), name in "[a-z\"\\\\ ]{0,6}", number in "-?[0-9.e]{1,8}") {
        agrees(&text);
        agrees(&format!(r#"{{"{name}":{number},"kind":"{name}","topics":["{name}"{text}"#));
        agrees(&format!(r#"{{"kind":"{name}",{text}"topics":[],"idle_ms":{number}}}"#));
        agrees(&format!(r#"["{name}"{text},"b"]"#));
    }
}
