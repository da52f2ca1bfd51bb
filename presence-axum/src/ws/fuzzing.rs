//! Entry point for fuzzing the frame decoder, used by [`crate::fuzzing`].

use super::Close;
use super::frame::{Decoder, Received};

/// Decodes these reads. Returns the messages, and the reason for which the connection
/// would be closed.
pub fn decoded<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<Close>) {
    let (mut decoder, mut received) = (Decoder::new(300), Vec::new());
    for read in reads {
        decoder.extend(read);
        loop {
            match decoder.next() {
                Ok(Some(message)) => received.push(show(&message)),
                Ok(None) => break,
                Err(close) => return (received, Some(close)),
            }
        }
    }
    (received, None)
}

fn show(message: &Received) -> String {
    format!("{message:?}")
}
