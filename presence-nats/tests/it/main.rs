//! The NATS store keeps the contract, and its own promises.
