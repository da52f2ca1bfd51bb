//! One JSON value.

use super::Number;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A JSON value whose kind is known, but whose content is not parsed yet.
///
/// Exhaustive: JSON has no other kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its text.
    Number(Number<'a>),
    /// A string; copied only if it has escapes.
    Text(Cow<'a, str>),
    /// A string with half of a surrogate pair, which is not valid Unicode.
    NoText,
    /// An array, as its text.
    Array(&'a str),
    /// An object, as its text.
    Object(&'a str),
}

impl<'a> Json<'a> {
    /// The value as a name: a string as it is, a number as its decimal string. `None` for other
    /// kinds, and for a number of more than `max` bytes.
    ///
    /// ```
    /// use presence_axum::LenientJson;
    /// # fn main() -> Result<(), presence_axum::BodyError> {
    /// let body = LenientJson::from(&br#"{"user": 1.5e3, "other": "ada", "flag": true}"#[..]);
    /// let [user, other, flag] = body.fields(["user", "other", "flag"])?;
    /// assert_eq!(user.name(256).as_deref(), Some("1500"));
    /// assert_eq!(other.name(256).as_deref(), Some("ada"));
    /// assert_eq!(flag.name(256), None);
    /// # Ok(()) }
    /// ```
    pub fn name(&self, max: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => number.decimal(max),
            _ => None,
        }
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') if !text.as_bytes().contains(&b'\\') => {
                Self::Text(Cow::Borrowed(text.get(1..text.len() - 1).unwrap_or_default()))
            }
            Some(b'"') => match serde_json::from_str(text) {
                Ok(unescaped) => Self::Text(Cow::Owned(unescaped)),
                Err(_) => Self::NoText,
            },
            Some(b'[') => Self::Array(text),
            Some(b'{') => Self::Object(text),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(Number::new(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'_> {
        Json::from(serde_json::from_str::<&RawValue>(text).unwrap())
    }

    #[test]
    fn the_kind_is_known_by_the_first_byte() {
        assert_eq!(json("null"), Json::Null);
        assert_eq!(json(" true "), Json::Bool(true));
        assert_eq!(json("false"), Json::Bool(false));
        assert_eq!(json("-1.5e3"), Json::Number(Number::new("-1.5e3")));
        assert_eq!(json(r#""""#), Json::Text("".into()));
        assert_eq!(json(r#""alice""#), Json::Text("alice".into()));
        assert_eq!(json(r#""a\"\u00e9\ud83d\ude00""#), Json::Text("a\"é😀".into()));
        assert_eq!(json(r#""\ud83d""#), Json::NoText);
        assert_eq!(json("[1, 2]"), Json::Array("[1, 2]"));
        assert_eq!(json("{}"), Json::Object("{}"));
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        assert!(matches!(json(r#""alice""#), Json::Text(Cow::Borrowed("alice"))));
    }
}
