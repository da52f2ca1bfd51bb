//! The in-memory store keeps the contract, and its own promises.

mod conformance;
mod own;
