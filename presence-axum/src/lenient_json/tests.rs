use super::*;

fn uid(text: &'static str) -> Result<String, BodyError> {
    let body = LenientJson::from(text.as_bytes());
    let [uid] = body.fields(["uid"])?;
    Ok(format!("{uid:?}"))
}

#[test]
fn the_last_of_a_repeated_field_counts() {
    assert_eq!(uid(r#"{"uid":"a","uid":"b"}"#).unwrap(), r#"Text("b")"#);
}

#[test]
fn unknown_fields_are_ignored_whatever_they_contain() {
    assert_eq!(uid(r#"{"x":[[{"y":1e400}]],"uid":"a","z":"\ud800"}"#).unwrap(), r#"Text("a")"#);
}

#[test]
fn a_name_may_be_escaped() {
    assert_eq!(uid(r#"{"\u0075id":"a"}"#).unwrap(), r#"Text("a")"#);
}

#[test]
fn invalid_json_and_values_that_are_not_objects_are_distinguished() {
    for text in [
        "",
        " ",
        "{",
        "{]",
        r#"{"uid":}"#,
        r#"{"uid":NaN}"#,
        r#"{"uid":"a"} x"#,
        r#"{"uid":"a",}"#,
        "[1,",
        "nul",
    ] {
        assert_eq!(uid(text), Err(BodyError::NotJson), "{text}");
    }
    for text in ["[]", r#"["a",1]"#, "null", "1", r#""{}""#, " true "] {
        assert_eq!(uid(text), Err(BodyError::NotAnObject), "{text}");
    }
    assert_eq!(LenientJson::from(&b"{\"uid\":\"\xff\"}"[..]).fields(["uid"]), Err(BodyError::NotJson));
    assert_eq!(LenientJson::from(&b"\xef\xbb\xbf{}"[..]).fields(["uid"]), Err(BodyError::NotJson));
}

#[test]
fn nesting_of_any_depth_is_skipped_without_recursion() {
    let deep = format!(r#"{{"x":{}{},"uid":1}}"#, "[".repeat(7000), "]".repeat(7000));
    assert!(LenientJson::from(Bytes::from(deep)).fields(["uid"]).is_ok());
    assert_eq!(LenientJson::from(Bytes::from("[".repeat(16_000))).fields(["uid"]), Err(BodyError::NotJson));
}
