//! Presence on NATS JetStream KV.
