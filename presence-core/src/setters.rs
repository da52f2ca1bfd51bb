//! Chained setters for settings: the convention of all crates of this project.

/// Defines a setter for each named field of a struct of settings. The fields under `optional` are
/// `Option`s: their setters take a value, an `Option` of it, or `None`.
///
/// The documentation of a setting is at its field.
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
