//! The chained setters of settings: the one convention of all our crates.

/// Gives a struct of settings a setter for each of the fields that are named; those under
/// `optional` are `Option`s, whose setters take a value, `Some` of it, or `None`.
///
/// What a setting means stands at its field.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    ($type:ident { $($field:ident: $value:ty),* $(,)? } $(optional { $($option:ident: $some:ty),* $(,)? })?) => {
        impl $type {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(self, $field: $value) -> Self {
                    Self { $field, ..self }
                }
            )*
            $($(
                #[doc = concat!("Sets [`", stringify!($option), "`](field@Self::", stringify!($option), ").")]
                #[must_use]
                pub fn $option(self, $option: impl Into<Option<$some>>) -> Self {
                    Self { $option: $option.into(), ..self }
                }
            )*)?
        }
    };
}
