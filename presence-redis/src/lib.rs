//! Presence on Redis and Valkey.
