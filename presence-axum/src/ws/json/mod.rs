//! Our own wire format; `docs/wire.md` describes it.

mod decode;
mod encode;

use super::protocol::{Frames, Protocol};
use super::{Problem, Request, Update};

/// Our own wire format: one JSON object in each frame, as [`wire`](crate::wire) describes it.
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
