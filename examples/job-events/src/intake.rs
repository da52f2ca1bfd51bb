//! Messages of Pub/Sub, pulled or pushed.

use crate::{Error, JobId, Jobs, Problem, Update, count};
use bytes::Bytes;
use parking_lot::Mutex;
use presence_axum::LenientJson;
use presence_core::broker::Published;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Takes messages that may come more than once, and does not take a poisonous one for ever. Cheap
/// to clone.
#[derive(Clone)]
pub struct Intake {
    jobs: Jobs,
    tries: Arc<Mutex<Tries>>,
}

/// After how many tries a message that cannot be read is acknowledged, and logged.
pub const MAX_TRIES: u32 = 5;
/// The tries of how many such messages are remembered; beyond that the oldest starts anew.
const REMEMBERED: usize = 10_000;
/// The longest message id, in bytes: an idempotency key has room for it.
const MAX_ID: usize = 200;

#[derive(Default)]
struct Tries {
    by_id: HashMap<String, u32>,
    order: VecDeque<String>,
}

impl Intake {
    /// Takes messages for these jobs.
    pub fn new(jobs: Jobs) -> Self {
        Self { jobs, tries: Arc::default() }
    }

    /// Takes the message of this id. `Ok` means that it is done with, and is to be acknowledged.
    ///
    /// `attempt` is how often it was delivered, where the sender counts that.
    ///
    /// # Errors
    /// [`Error::Validation`] when it cannot be read, until it has been tried [`MAX_TRIES`] times;
    /// 503 when the broker does not take it. Both times it is to be delivered again.
    pub async fn take(
        &self,
        source: &'static str,
        id: &str,
        attempt: Option<u32>,
        data: Bytes,
    ) -> Result<(), Error> {
        let (job, update) = match read(id, data) {
            Ok(read) => read,
            Err(problems) => {
                count(source, "invalid");
                let tried = self.tries.lock().count(id).max(attempt.unwrap_or(0));
                if tried < MAX_TRIES {
                    return Err(Error::Validation(problems));
                }
                tracing::error!(id, tried, ?problems, "a message that cannot be read is given up");
                return Ok(());
            }
        };
        // However it comes, by pull or by push: it is the same message.
        let published = self.jobs.publish(&job, &update, Some(format!("pubsub:{id}"))).await;
        let published = published.inspect_err(|_| count(source, "unavailable"))?;
        match published {
            Published::Stored(_) => count(source, "stored"),
            Published::Repeated(_) => count(source, "repeated"),
            Published::Closed(_) => {
                count(source, "finished");
                tracing::warn!(id, %job, "an update of a finished job is passed over");
            }
        }
        Ok(())
    }
}

fn read(id: &str, data: Bytes) -> Result<(JobId, Update), Vec<Problem>> {
    if id.is_empty() || id.len() > MAX_ID {
        return Err(vec![Problem::new("messageId", format!("must be a string of 1 to {MAX_ID} bytes"))]);
    }
    if data.len() > Update::MAX_BYTES {
        return Err(vec![Problem::new("data", format!("is longer than {} bytes", Update::MAX_BYTES))]);
    }
    let update = Update::read(&LenientJson::from(data))?;
    let job = update.job().cloned().ok_or_else(|| vec![Problem::new("jobId", "is required")])?;
    Ok((job, update))
}

impl Tries {
    /// One more try of this message; how many that makes.
    fn count(&mut self, id: &str) -> u32 {
        if !self.by_id.contains_key(id) {
            if self.order.len() == REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_id.remove(&oldest);
            }
            self.order.push_back(id.to_owned());
        }
        let tries = self.by_id.entry(id.to_owned()).or_default();
        *tries += 1;
        *tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_for_each_message_and_few_are_remembered() {
        let mut tries = Tries::default();
        assert_eq!([tries.count("a"), tries.count("b"), tries.count("a")], [1, 1, 2]);
        for id in 0..2 * REMEMBERED {
            tries.count(&id.to_string());
        }
        assert!(tries.by_id.len() <= REMEMBERED && tries.order.len() <= REMEMBERED);
        assert_eq!(tries.count("a"), 1);
    }
}
