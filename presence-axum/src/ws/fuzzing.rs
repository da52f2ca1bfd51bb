//! The decoder of frames, for [`crate::fuzzing`].

use super::Close;
use super::frame::{Decoder, Received};

/// What comes out of these reads, and with what the connection would be closed.
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
