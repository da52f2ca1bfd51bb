//! Reads the fields of an object by name.

use super::BodyError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads the named fields of a JSON object. Of a repeated field the last one counts; unknown fields
/// are ignored.
///
/// A derived `Deserialize` would also accept an array, and refuse a repeated field.
pub(super) fn fields<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<&'a RawValue>; N], BodyError> {
    let mut json = serde_json::Deserializer::from_str(text);
    match json.deserialize_map(Fields { names }).and_then(|fields| json.end().map(|()| fields)) {
        Ok(fields) => Ok(fields),
        Err(_) if text.trim_ascii_start().starts_with('{') => Err(BodyError::NotJson),
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Err(BodyError::NotAnObject),
        Err(_) => Err(BodyError::NotJson),
    }
}

struct Fields<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(known) = map.next_key_seed(Name(self.names))? {
            match known {
                Some(i) => found[i] = Some(map.next_value()?),
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }
}

/// Looks up a field name in the list without allocating a string.
struct Name<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name))
    }
}
