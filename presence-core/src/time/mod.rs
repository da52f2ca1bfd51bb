//! Time: instants, clocks, and the time that a store has proven.

mod blind;
mod clock;
mod line;
mod manual;
mod reckoning;
mod skewed;
mod timestamp;
mod view;

pub use blind::{BLIND_STRETCHES, Blind, BlindList};
pub use clock::{Clock, SystemClock};
pub use line::{Ask, TimeLine};
pub use manual::ManualClock;
pub use reckoning::Reckoning;
pub use skewed::SkewedClock;
pub use timestamp::Timestamp;
pub use view::{SILENCE, View, ViewClock};

pub(crate) use timestamp::{millis, option_millis};

#[cfg(test)]
mod tests;
