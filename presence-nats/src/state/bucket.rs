//! Reads and conditional writes of the bucket. A read returns everything that was stored before the
//! call. A write succeeds only if the record has not changed since it was read.

use crate::codec::{
    FORGOTTEN, Forgotten, Gone, OPERATION, PLACED_AT, Raw, SEEN_AT, base64, encode, encode_user, header,
    value,
};
use crate::error::{Failure, Outcome, code, corrupt, unavailable};
use crate::jetstream::api::MessageGot;
use crate::jetstream::link::direct;
use crate::jetstream::streams::{Streams, Traits};
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::future::try_join_all;
use presence_core::store::{BATCH_ENTRIES, ForgetIf};
use presence_core::{Timestamp, UserId};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// The number of one-key requests in flight at once.
const AT_ONCE: usize = 64;
/// The number of users in one request, as long as their sessions fit into one answer.
const USERS_AT_ONCE: usize = 64;
/// The bytes of subjects in one request.
const SUBJECT_BYTES: usize = 200 * 1024;
/// How long marks of deletion are kept, for feeds that have not yet read them. A feed that is cut
/// off for longer ends, and the next one begins with a snapshot.
pub(crate) const MARKS_FOR: Duration = Duration::from_mins(10);

/// The header of a conditional write: the expected last revision of the key, zero if the
/// key has none.
pub(crate) const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// A request for the last messages of many subjects or filters.
#[derive(Serialize)]
struct ManyRequest<'a> {
    multi_last: &'a [String],
    /// The maximum number of messages in the answer.
    batch: u16,
}

/// The result of one request for many keys.
enum Many {
    All(Vec<Raw>),
    /// The keys do not fit into one answer.
    Excess,
    /// The answering server may lag, or does not support such requests: the leader has to be asked.
    Unsure,
}

impl Streams {
    /// Writes a record if its revision is still `expected`. Returns the new revision, or `None` if
    /// the record has changed.
    pub(crate) async fn write(
        &self,
        subject: &str,
        expected: u64,
        value: Bytes,
        forgotten: Option<Forgotten>,
    ) -> Outcome<Option<u64>> {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED, expected.to_string());
        if let Some(forgotten) = forgotten {
            headers.insert(FORGOTTEN, forgotten.header());
        }
        landed(self.link.publish(subject, Some(headers), value).await)
    }

    /// Deletes a record if its revision is still `expected`. The mark of the deletion holds `seen`,
    /// the state of the record according to this process.
    pub(crate) async fn delete(
        &self,
        traits: Traits,
        subject: &str,
        expected: u64,
        seen: &ForgetIf,
    ) -> Outcome<Option<u64>> {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED, expected.to_string());
        headers.insert(OPERATION, "DEL");
        let (seen_at, placed_at) = match seen {
            ForgetIf::Session { seen_at, placed_at, .. } => (*seen_at, *placed_at),
            ForgetIf::Node { seen_at, .. } => (*seen_at, Timestamp::ZERO),
            ForgetIf::User(_) => (Timestamp::ZERO, Timestamp::ZERO),
        };
        headers.insert(SEEN_AT, seen_at.as_millis().to_string());
        headers.insert(PLACED_AT, placed_at.as_millis().to_string());
        if traits.is_modern {
            let marks_for = MARKS_FOR.min(self.max_age());
            headers.insert("Nats-TTL", marks_for.as_secs().max(1).to_string());
        }
        let known = if let ForgetIf::User(record) = seen { encode_user(record) } else { Bytes::new() };
        landed(self.link.publish(subject, Some(headers), known).await)
    }

    /// The last messages of these subjects, marks of deletion included, as of this call.
    pub(crate) async fn latest(
        &self,
        traits: Traits,
        mut subjects: Vec<String>,
    ) -> Outcome<HashMap<String, Raw>> {
        subjects.sort_unstable();
        subjects.dedup();
        let mut found = HashMap::with_capacity(subjects.len());
        let floor = self.floor(traits).await?;
        let limit = SUBJECT_BYTES.min(self.link.client.max_payload() / 2);
        for part in cut(&subjects, limit) {
            let raws = match self.many(traits, floor, part).await? {
                Many::All(raws) => raws,
                Many::Excess | Many::Unsure => self.each(part).await?,
            };
            found.extend(raws.into_iter().map(|raw| (raw.subject.clone(), raw)));
        }
        Ok(found)
    }

    /// The last messages of the sessions and of the records of these users, in no order, as of
    /// this call.
    pub(crate) async fn of_users(&self, traits: Traits, users: &[UserId]) -> Outcome<Vec<Raw>> {
        let floor = self.floor(traits).await?;
        let filters: Vec<String> =
            users.iter().flat_map(|user| [self.keys.of_user(user), self.keys.user(user)]).collect();
        let mut found = Vec::new();
        // The parts are read one after the other, since an answer has up to a thousand records.
        let mut parts: Vec<&[String]> = filters.chunks(2 * USERS_AT_ONCE).rev().collect();
        while let Some(part) = parts.pop() {
            match self.many(traits, floor, part).await? {
                Many::All(raws) => found.extend(raws),
                Many::Excess if part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([other, one]);
                }
                Many::Excess | Many::Unsure => {
                    for few in part.chunks(AT_ONCE) {
                        let (filters, mut subjects): (Vec<_>, Vec<_>) =
                            few.iter().cloned().partition(|filter| filter.ends_with('*'));
                        let listed = filters.iter().map(|filter| self.subjects(&self.keys.state, filter));
                        subjects.extend(try_join_all(listed).await?.concat());
                        found.extend(self.each(&subjects).await?);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The sequence that a replica must have reached before its response counts as current.
    async fn floor(&self, traits: Traits) -> Outcome<u64> {
        if !traits.is_modern || !traits.is_replicated {
            return Ok(0);
        }
        Ok(self.info(&self.keys.state).await?.state.last_seq)
    }

    /// The last messages of subjects or filters in one request, answered by any replica.
    async fn many(&self, traits: Traits, floor: u64, subjects: &[String]) -> Outcome<Many> {
        if !traits.is_modern {
            return Ok(Many::Unsure);
        }
        let body = ManyRequest { multi_last: subjects, batch: 1024 };
        let (raws, end) = self.link.get_many(&self.keys.state, &body, direct).await?;
        let number = |name: &str| {
            let headers = end.headers.as_ref()?;
            value(headers, name)?.parse::<u64>().ok()
        };
        match end.status.map(|status| status.as_u16()) {
            Some(204) if number("Nats-Num-Pending").unwrap_or_default() > 0 => Ok(Many::Excess),
            Some(204) if number("Nats-UpTo-Sequence").unwrap_or_default() < floor => Ok(Many::Unsure),
            // This answer does not contain the sequence that the replica has reached.
            Some(404) if traits.is_replicated => Ok(Many::Unsure),
            Some(204 | 404) => Ok(Many::All(raws)),
            // The keys do not fit into one answer.
            Some(413) => Ok(Many::Excess),
            _ => Err(ended(&end)),
        }
    }

    /// The last messages of subjects, requested one by one from the leader.
    async fn each(&self, subjects: &[String]) -> Outcome<Vec<Raw>> {
        let mut raws = Vec::with_capacity(subjects.len());
        for part in subjects.chunks(AT_ONCE) {
            let gets = try_join_all(part.iter().map(|subject| self.read_from_leader(subject))).await?;
            raws.extend(gets.into_iter().flatten());
        }
        Ok(raws)
    }

    /// The last message of a subject, from the leader.
    pub(crate) async fn read_from_leader(&self, subject: &str) -> Outcome<Option<Raw>> {
        let what = format!("STREAM.MSG.GET.{}", self.keys.state);
        let got: MessageGot = match self.link.ask(&what, encode(&json!({ "last_by_subj": subject }))).await {
            Err(failure) if failure.is(&[code::NO_MESSAGE]) => return Ok(None),
            got => got?,
        };
        let unreadable = || Failure::Other(corrupt("the server's answer cannot be read"));
        let payload = base64(&got.message.data).ok_or_else(unreadable)?;
        let block = base64(&got.message.hdrs).ok_or_else(unreadable)?;
        let block = String::from_utf8_lossy(&block);
        let gone = Gone::of(|name| header(&block, name));
        let forgotten = header(&block, FORGOTTEN).and_then(Forgotten::parse);
        let (subject, seq, at) = (subject.to_owned(), got.message.seq, got.message.time.0);
        Ok(Some(Raw { subject, seq, at, gone, forgotten, incarnation: 0, payload: payload.into() }))
    }
}

/// The revision of a conditional write, or `None` if the condition did not hold.
fn landed(published: Outcome<u64>) -> Outcome<Option<u64>> {
    match published {
        Err(failure) if failure.is(&code::WRONG_LAST_SEQUENCE) => Ok(None),
        published => published.map(Some),
    }
}

/// The error of a request that ended with an unexpected status.
fn ended(end: &Message) -> Failure {
    let status = end.status.map(|status| status.as_u16()).unwrap_or_default();
    let error = unavailable(format!("the server does not answer reads at the moment (status {status})"));
    if status == 503 { Failure::Unserved(error) } else { Failure::Other(error) }
}

/// Divides subjects into requests of a bounded size.
fn cut(subjects: &[String], limit: usize) -> impl Iterator<Item = &[String]> {
    let mut rest = subjects;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let count = rest.iter().take(BATCH_ENTRIES).take_while(|subject| {
            bytes += subject.len() + 3;
            bytes <= limit
        });
        let count = count.count().clamp(1, rest.len().max(1)).min(rest.len());
        let (part, later) = rest.split_at(count);
        rest = later;
        (!part.is_empty()).then_some(part)
    })
}

/// Reads the headers of a message that concern deletions.
pub(crate) fn marks(headers: Option<&HeaderMap>) -> (Option<Gone>, Option<Forgotten>) {
    let Some(headers) = headers else { return (None, None) };
    let header = |name: &str| value(headers, name);
    (Gone::of(header), header(FORGOTTEN).and_then(Forgotten::parse))
}
