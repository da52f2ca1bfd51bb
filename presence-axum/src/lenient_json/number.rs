//! JSON numbers as text.

use std::borrow::Cow;

/// A JSON number as its text, so that no digit is lost by conversion to a float.
///
/// ```
/// use presence_axum::{Json, LenientJson};
/// # fn main() -> Result<(), presence_axum::BodyError> {
/// let body = LenientJson::from(&br#"{"n": 1.50e2}"#[..]);
/// let [Json::Number(n)] = body.fields(["n"])? else { panic!("no number") };
/// assert_eq!((n.as_str(), n.decimal(20).as_deref()), ("1.50e2", Some("150")));
/// assert_eq!((n.whole(), n.finite(), n.is_zero()), (Some(150), Some(150.0), false));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    /// Requires that `text` is a number in JSON's grammar.
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text of the number.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the number is zero, in any notation.
    pub fn is_zero(self) -> bool {
        let mantissa = self.0.split(['e', 'E']).next().unwrap_or_default();
        !mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))
    }

    /// The plain decimal string of exactly this value, without exponent or trailing zeros: `1`,
    /// `1.0` and `10e-1` are `1`.
    ///
    /// `None` if it would have more than `max` bytes, as for `1e400`.
    pub fn decimal(self, max: usize) -> Option<Cow<'a, str>> {
        let whole = self.0.strip_prefix('-').unwrap_or(self.0);
        if whole.bytes().all(|b| b.is_ascii_digit()) && whole != "0" {
            return (self.0.len() <= max).then_some(Cow::Borrowed(self.0));
        }
        if self.is_zero() {
            return Some(Cow::Borrowed("0"));
        }
        let (mantissa, exponent) = whole.split_once(['e', 'E']).unwrap_or((whole, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: String = [before, after].concat();
        let leading = digits.len() - digits.trim_start_matches('0').len();
        let digits = digits.trim_matches('0');
        // The position of the decimal point, relative to the first significant digit.
        let exponent: i64 = exponent.parse().ok()?;
        let point = i64::try_from(before.len()).ok()?.checked_add(exponent)? - i64::try_from(leading).ok()?;
        let longest = i64::try_from(max).ok()?;
        if point > longest || point < -longest {
            return None;
        }
        let mut text = String::from(if self.0.starts_with('-') { "-" } else { "" });
        match usize::try_from(point) {
            Ok(point) if point >= digits.len() => {
                text.push_str(digits);
                text.extend(std::iter::repeat_n('0', point - digits.len()));
            }
            Ok(point) if point > 0 => {
                text.push_str(&digits[..point]);
                text.push('.');
                text.push_str(&digits[point..]);
            }
            _ => {
                text.push_str("0.");
                text.extend(std::iter::repeat_n('0', usize::try_from(-point).ok()?));
                text.push_str(digits);
            }
        }
        (text.len() <= max).then_some(Cow::Owned(text))
    }

    /// The value as a float; `None` if it is too large for one.
    pub fn finite(self) -> Option<f64> {
        self.0.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The value truncated to a whole number; `None` if it is negative, `u64::MAX` if it is larger
    /// than that.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, as wanted"
    )]
    pub fn whole(self) -> Option<u64> {
        if let Ok(exact) = self.0.parse() {
            return Some(exact);
        }
        let value: f64 = self.0.parse().ok()?;
        (value >= 0.0).then_some(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cow, Number};
    use proptest::prelude::*;

    fn decimal(text: &str) -> Option<String> {
        Number::new(text).decimal(256).map(Cow::into_owned)
    }

    #[test]
    fn a_number_keeps_its_digits_in_any_notation() {
        for (written, plain) in [
            ("1", "1"),
            ("-7", "-7"),
            ("1.5", "1.5"),
            ("1.0", "1"),
            ("-0", "0"),
            ("0.0e9", "0"),
            ("0", "0"),
            ("1e2", "100"),
            ("1.25E+1", "12.5"),
            ("-1.50e-3", "-0.0015"),
            ("0.001", "0.001"),
            ("0.010e2", "1"),
            ("10e-1", "1"),
            ("123.456e1", "1234.56"),
            ("12345678901234567890123", "12345678901234567890123"),
        ] {
            assert_eq!(decimal(written).as_deref(), Some(plain), "{written}");
        }
    }

    #[test]
    fn a_number_too_long_to_write_out_is_refused() {
        for written in
            ["1e400", "1e-400", "1e99999999999999999999", "1e-99999999999999999999", "1e9223372036854775807"]
        {
            assert_eq!(decimal(written), None, "{written}");
        }
        assert_eq!(Number::new(&"9".repeat(257)).decimal(256), None);
        assert_eq!(Number::new("0e99999999999999999999").decimal(1).as_deref(), Some("0"));
    }

    #[test]
    fn whole_numbers_are_truncated_and_saturate() {
        for (written, whole) in [
            ("1710000000", Some(1_710_000_000)),
            ("1.9", Some(1)),
            ("1e3", Some(1000)),
            ("1e400", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-1", None),
            ("-0.0", Some(0)),
        ] {
            assert_eq!(Number::new(written).whole(), whole, "{written}");
        }
    }

    proptest! {
        #[test]
        fn the_decimal_string_has_the_value_of_the_number(mantissa in -1_000_000i64..1_000_000, exponent in -30i32..30) {
            let written = format!("{mantissa}e{exponent}");
            let plain = decimal(&written).unwrap();
            let value = |text: &str| text.parse::<f64>().unwrap() + 0.0; // a zero has no sign here
            prop_assert_eq!(value(&plain).to_bits(), value(&written).to_bits());
            prop_assert!(!plain.contains(['e', 'E']));
            prop_assert!(!plain.contains('.') || !plain.ends_with(['0', '.']));
        }
    }
}
