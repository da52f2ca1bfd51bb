//! The requests of clients, prepared in advance.

use crate::people::{Key, TOPICS};
use crate::served::ORIGIN;
use crate::{Outcome, rest};

/// Requests of the same length in one buffer.
pub struct Requests {
    text: Vec<u8>,
    each: usize,
}

impl Requests {
    /// This many requests, usually one per user.
    pub fn of(count: usize, request: impl Fn(usize) -> String) -> Self {
        let (mut text, mut each) = (Vec::new(), 0);
        for number in 0..count {
            let before = text.len();
            text.extend_from_slice(request(number).as_bytes());
            each = text.len() - before;
        }
        assert_eq!(each * count, text.len(), "all are of one length");
        Self { text, each }
    }

    pub fn len(&self) -> usize {
        self.text.len() / self.each
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.text.chunks_exact(self.each)
    }
}

/// A hit with the head that a page's `fetch` sends, without the description of the browser.
pub fn hit(body: &str) -> String {
    format!(
        "POST /v1/hit HTTP/1.1\r\nhost: here.example\r\ncontent-length: {}\r\n\
         content-type: application/json\r\norigin: {ORIGIN}\r\n\r\n{body}",
        body.len()
    )
}

/// A hit of presence.js, with the token of its user.
pub fn hit_by_token(kind: &str, user: usize) -> Outcome<String> {
    let key = Key::of(user);
    let (name, session) = key.ids();
    let token = rest::token(name)?;
    let body = format!(
        r#"{{"kind":"{kind}","session":"{session}","topics":["/page/{:02}"],"idle_ms":1200}}"#,
        user % TOPICS
    );
    let head = format!("\r\nauthorization: Bearer {token}\r\norigin:");
    Ok(hit(&body).replacen("\r\norigin:", &head, 1))
}

/// A hit of presence.js.
pub fn mount(kind: &str, user: usize) -> String {
    let key = Key::of(user);
    let (name, session) = key.ids();
    format!(
        r#"{{"kind":"{kind}","user":"{name}","session":"{session}","topics":["/page/{:02}"],"idle_ms":1200}}"#,
        user % TOPICS
    )
}

/// A hit of a page of active-idle.
pub fn active_idle(user: usize) -> String {
    format!(r#"{{"uid":"{}","last_activity":1710000000}}"#, Key::of(user).ids().0)
}
