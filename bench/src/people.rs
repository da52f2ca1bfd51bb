//! Users: their ids, and the order in which they beat.

use presence_core::{Beat, SessionId, SessionKey, Topic, Topics, UserId};

/// The number of topics; each session is in one.
pub const TOPICS: usize = 100;
/// The bytes of the ids of a user and a session together: 11 each.
pub const KEY: usize = 22;

/// The ids of one session, made for every beat, as a host makes them from a request.
pub struct Key([u8; KEY]);

impl Key {
    pub fn of(person: usize) -> Self {
        let mut key = *b"u----------s----------";
        // Odd, and coprime to 10^10: a permutation, so that ids differ in all digits.
        let mut number = (person as u64).wrapping_mul(2_654_435_761) % 10_000_000_000;
        for at in (1..11).rev() {
            let digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            (key[at], key[at + 11]) = (digit, digit);
            number /= 10;
        }
        Self(key)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The user's id, and the session's.
    pub fn ids(&self) -> (&str, &str) {
        self.as_str().split_at(KEY / 2)
    }
}

/// The topics of a user, made once, as a host would make them from a path.
pub fn topics() -> Vec<Topics> {
    let topic = |n: usize| Topic::new(format!("/page/{n}")).map(|topic| Topics::new([topic]));
    (0..TOPICS).filter_map(|n| topic(n).ok()?.ok()).collect()
}

/// A beat that enters.
pub fn enters(person: usize, topics: &[Topics]) -> Beat {
    let beat = renews(person);
    Beat::enter(beat.user, beat.session).topics(topics[person % TOPICS].clone())
}

/// The same ids, validated, as a beat contains them.
#[expect(clippy::expect_used, reason = "eleven letters and digits are a valid name")]
pub fn session(person: usize) -> SessionKey {
    let key = Key::of(person);
    let (user, id) = key.ids();
    let user = UserId::new(user).expect("a valid name");
    let id = SessionId::new(id).expect("a valid name");
    SessionKey { user, id }
}

/// A beat that renews.
pub fn renews(person: usize) -> Beat {
    let SessionKey { user, id } = session(person);
    Beat::renew(user, id)
}

/// The order of users: random, or each once in an order without locality.
#[derive(Clone)]
pub enum Order {
    Random(u64),
    Once(u64),
}

impl Order {
    pub fn next(&mut self, people: usize) -> usize {
        let number = match self {
            Self::Random(state) => {
                // xorshift64*, the high bits.
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 24
            }
            Self::Once(at) => {
                *at += 1;
                // A prime larger than the square root of any number of users here, and not a factor
                // of it.
                at.wrapping_mul(982_451_653)
            }
        };
        usize::try_from(number % people as u64).unwrap_or(0)
    }
}
