//! Real servers for tests and benchmarks.
