//! This crate's own wire format, described in `docs/wire.md`.

mod decode;
mod encode;

use super::protocol::{Frames, Protocol};
use super::{Problem, Request, Update};

/// This crate's own wire format: one JSON object per frame, as described in [`wire`](crate::wire).
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Protocol for Json {
    fn decode(&self, text: &str) -> Result<Request, Problem> {
        decode::request(text)
    }

    fn encode(&self, update: &Update, frames: &mut Frames) {
        if let Some(text) = encode::text(update) {
            frames.push(text);
        }
    }
}

#[cfg(test)]
mod tests;
