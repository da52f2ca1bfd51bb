//! The in-memory store keeps the contract.
