//! A fast reader of plain JSON, which is what clients send with nearly every hit.
//!
//! Plain is what needs no decoding: strings without escapes, whole numbers, `true`, `false`,
//! `null`, and lists of such strings. For all other text the functions return `None`, and the
//! caller reads it with `serde_json` from its start. So no text is refused here, and what is
//! accepted is what `serde_json` accepts, which a test compares.

use super::{Json, Number};
use std::borrow::Cow;

/// The named fields of an object, read like [`LenientJson::fields`](super::LenientJson::fields).
pub(super) fn fields<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Option<[Json<'a>; N]> {
    let mut found = [const { Json::Null }; N];
    let mut cursor = Cursor { text, at: 0 };
    cursor.expect(b'{')?;
    if cursor.expect(b'}').is_none() {
        loop {
            let name = cursor.string()?;
            cursor.expect(b':')?;
            let value = cursor.value()?;
            if let Some(i) = names.iter().position(|known| *known == name) {
                found[i] = value;
            }
            if cursor.expect(b',').is_none() {
                break;
            }
        }
        cursor.expect(b'}')?;
    }
    cursor.is_at_end().then_some(found)
}

/// The strings of a list, each converted by `convert`, up to the first that it refuses.
pub(super) fn strings<T, E>(
    text: &str,
    mut convert: impl FnMut(&str) -> Result<T, E>,
) -> Option<Result<Vec<T>, E>> {
    let mut cursor = Cursor { text, at: 0 };
    let mut converted = Vec::new();
    let mut refused = None;
    cursor.list(|string| match convert(string) {
        Ok(value) => converted.push(value),
        Err(error) => refused = refused.take().or(Some(error)),
    })?;
    cursor.is_at_end().then_some(refused.map_or(Ok(converted), Err))
}

/// The bytes that end the plain part of a string: the quote, the backslash, and control characters,
/// which JSON does not allow there.
const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

/// A position in the text. Each method skips white space before what it reads.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Skips white space; returns the byte after it.
    fn skip_space(&mut self) -> Option<u8> {
        loop {
            let next = *self.text.as_bytes().get(self.at)?;
            // Nothing else that is this low is found outside of strings.
            if next > b' ' || !matches!(next, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(next);
            }
            self.at += 1;
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space().is_none()
    }

    /// Reads one byte; moves only if it is this one.
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.skip_space()? == byte).then(|| self.at += 1)
    }

    /// Reads a string without escapes, and returns its content.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let from = self.at;
        let rest = self.text.as_bytes().get(from..)?;
        let len = rest.iter().position(|&byte| ENDS[usize::from(byte)])?;
        self.at += len + 1;
        if rest[len] == b'"' { self.text.get(from..from + len) } else { None }
    }

    fn value(&mut self) -> Option<Json<'a>> {
        match self.skip_space()? {
            b'"' => self.string().map(|text| Json::Text(Cow::Borrowed(text))),
            b'0'..=b'9' => self.number(),
            b'[' => {
                let from = self.at;
                self.list(|_| ())?;
                self.text.get(from..self.at).map(Json::Array)
            }
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            _ => None,
        }
    }

    /// Reads a whole number. What follows shows whether it was one: no fraction or exponent
    /// separates fields.
    fn number(&mut self) -> Option<Json<'a>> {
        let from = self.at;
        let rest = self.text.as_bytes().get(from..)?;
        let len = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        self.at += len;
        let digits = self.text.get(from..self.at)?;
        (len == 1 || !digits.starts_with('0')).then_some(Json::Number(Number::new(digits)))
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    /// Reads a list of strings without escapes.
    fn list(&mut self, mut visit: impl FnMut(&'a str)) -> Option<()> {
        self.expect(b'[')?;
        if self.expect(b']').is_some() {
            return Some(());
        }
        loop {
            visit(self.string()?);
            if self.expect(b',').is_none() {
                return self.expect(b']');
            }
        }
    }
}

#[cfg(test)]
mod tests;
