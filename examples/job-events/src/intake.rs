//! Messages of Pub/Sub, whether pulled or pushed.

use crate::{Error, JobId, Jobs, Problem, Update, count};
use bytes::Bytes;
use parking_lot::Mutex;
use presence_axum::LenientJson;
use presence_core::broker::Published;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Handles messages that may be delivered more than once, and gives up messages that cannot be
/// read. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    jobs: Jobs,
    tries: Arc<Mutex<Tries>>,
}

/// The number of deliveries after which an unreadable message is logged and acknowledged.
pub const MAX_TRIES: u32 = 5;
/// The number of unreadable messages whose deliveries are counted; beyond it the oldest
/// count is dropped.
const REMEMBERED: usize = 10_000;
/// The maximum length of a message id, in bytes, so that it fits into an idempotency key.
const MAX_ID: usize = 200;

#[derive(Default)]
struct Tries {
    by_id: HashMap<String, u32>,
    order: VecDeque<String>,
}

impl Intake {
    /// An intake for these jobs.
    pub fn new(jobs: Jobs) -> Self {
        Self { jobs, tries: Arc::default() }
    }

    /// Handles the message with this id. `Ok`: it is done with and has to be acknowledged.
    ///
    /// `attempt` is the number of deliveries, if the sender counts them.
    ///
    /// # Errors
    /// [`Error::Validation`] for a message that cannot be read, until [`MAX_TRIES`] deliveries; 503
    /// when the broker fails. In both cases the message has to be delivered again.
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
                tracing::error!(id, tried, ?problems, "giving up a message that cannot be read");
                return Ok(());
            }
        };
        // The same key for pull and push, since it is the same message.
        let published = self.jobs.publish(&job, &update, Some(format!("pubsub:{id}"))).await;
        let published = published.inspect_err(|_| count(source, "unavailable"))?;
        match published {
            Published::Stored(_) => count(source, "stored"),
            Published::Repeated(_) => count(source, "repeated"),
            Published::Closed(_) => {
                count(source, "finished");
                tracing::warn!(id, %job, "ignoring an update of a finished job");
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
    /// Counts a delivery of this message. Returns the number so far.
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
