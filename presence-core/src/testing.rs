//! What tests use: virtual time, and the suites that stores and brokers pass.

#[cfg(any(test, feature = "conformance"))]
#[doc(inline)]
pub use crate::conformance;
pub use crate::time::{ManualClock, SkewedClock};
