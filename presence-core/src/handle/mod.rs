//! `Presence`: what a host holds. The only async logic of the crate.

mod builder;
mod disconnect;
mod ending;
mod error;
mod hold;
mod inner;
mod metrics;
mod outbox;
mod place;
mod presence;
mod report;
mod store_state;
mod subscription;
mod tasks;

pub use crate::roster::Update;
pub use builder::Builder;
pub use disconnect::Disconnection;
pub use error::Error;
pub use hold::Hold;
pub use place::{Listing, Page, Place};
pub use presence::{Beaten, Presence};
pub use report::{Explanation, Health, SessionReport, StoreHealth};
pub use subscription::{CountsWatch, Subscription, ViewWatch};

#[cfg(test)]
mod tests;
