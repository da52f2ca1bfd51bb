//! Reads query strings field by field, so that an error can name the wrong field.

use crate::Error;
use percent_encoding::percent_decode_str;
use presence_core::Topic;
use std::borrow::Cow;

/// The named fields of a query; unknown ones are ignored.
///
/// axum's `Query` is not used, because it replaces invalid UTF-8 by a replacement character, which
/// would turn one topic into another.
///
/// # Errors
/// 400 `invalid query` when a field is repeated, or is not valid UTF-8.
pub(crate) fn fields<'q, const N: usize>(
    query: Option<&'q str>,
    names: [&str; N],
) -> Result<[Option<Cow<'q, str>>; N], Error> {
    let invalid = || Error::bad_request("invalid query");
    let mut found = [const { None }; N];
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(i) = names.iter().position(|known| *known == name) else { continue };
        let value = decode(value).ok_or_else(invalid)?;
        if found[i].replace(value).is_some() {
            return Err(invalid());
        }
    }
    Ok(found)
}

/// Decodes a form-encoded value; `None` if it is not valid UTF-8.
pub(crate) fn decode(value: &str) -> Option<Cow<'_, str>> {
    if value.contains('+') {
        let spaced = value.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(value).decode_utf8().ok()
}

/// Reads a topic, if the query has one.
pub(crate) fn topic_of(text: Option<Cow<'_, str>>) -> Result<Option<Topic>, Error> {
    text.map(Topic::new).transpose().map_err(|_| Error::bad_request("invalid topic"))
}

/// Reads a number of rows, from 1 to `most`.
pub(crate) fn limit_of(text: Option<&str>, default: usize, most: usize) -> Result<usize, Error> {
    let Some(text) = text else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Error::bad_request("invalid limit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(query: &str) -> Result<Option<String>, Error> {
        fields(Some(query), ["topic"]).map(|[topic]| topic.map(Cow::into_owned))
    }

    #[test]
    fn fields_are_found_and_decoded() {
        assert_eq!(topic("x=1&topic=%2Fa+b%26c&y").unwrap().as_deref(), Some("/a b&c"));
        assert_eq!(topic("topic=").unwrap().as_deref(), Some(""));
        assert_eq!(topic("topic").unwrap().as_deref(), Some(""));
        assert_eq!(topic("xtopic=1&topics=2&").unwrap(), None);
        assert_eq!(fields(None, ["topic"]).unwrap(), [None]);
    }

    #[test]
    fn invalid_text_and_repeated_fields_are_refused() {
        for query in ["topic=%ff", "topic=%C3+", "topic=a&topic=a"] {
            assert!(topic(query).is_err(), "{query}");
        }
        assert_eq!(topic("topic=%zz").unwrap().as_deref(), Some("%zz"));
    }
}
