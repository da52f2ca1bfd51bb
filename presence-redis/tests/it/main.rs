//! The Redis store keeps the contract, and its own promises.
