//! The owners of jobs, kept as long as the jobs have updates.

use super::rejected;
use crate::JobId;
use crate::update::rfc3339;
use parking_lot::Mutex;
use presence_core::broker::{Event, Publish};
use presence_core::{Broker, Clock, Timestamp, store};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The owner records of jobs: one event each, in a channel of its own.
///
/// An event is kept for the retention of updates. While a job gets updates for longer than that,
/// its record is stored again.
pub(super) struct Owners {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    retention: Duration,
    /// The time of the next check of each job's record, by this process.
    looks: Mutex<HashMap<JobId, Timestamp>>,
}

/// The maximum number of jobs whose next check is remembered; beyond it all are checked again.
const REMEMBERED: usize = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow)]
    created_at: Cow<'a, str>,
}

impl Owners {
    pub(super) fn new(broker: Arc<dyn Broker>, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        Self { broker, clock, retention, looks: Mutex::default() }
    }

    /// Records the owner of a new job.
    pub(super) async fn set(&self, job: &JobId, owner: &str) -> store::Result<()> {
        let created_at = rfc3339(self.clock.now()).into();
        let record = serde_json::to_vec(&Record { owner: owner.into(), created_at }).unwrap_or_default();
        let channel = job.ownership().map_err(rejected)?;
        self.broker.publish(Publish::new(channel, record)).await?;
        Ok(())
    }

    /// The owner of the job, if its creation recorded one.
    pub(super) async fn of(&self, job: &JobId) -> store::Result<Option<String>> {
        let Some(event) = self.read(job).await? else { return Ok(None) };
        let record = serde_json::from_slice::<Record<'_>>(&event.payload);
        let unreadable = |_| store::Error::new(store::Kind::Corrupt, "the record of an owner is no JSON");
        record.map(|record| Some(record.owner.into_owned())).map_err(unreadable)
    }

    /// Makes sure that the record outlives the update that was just stored. After a failure, the
    /// next update tries again.
    pub(super) async fn keep(&self, job: &JobId) {
        let now = self.clock.now();
        {
            let mut looks = self.looks.lock();
            if looks.get(job).is_some_and(|at| now < *at) {
                return;
            }
            if looks.len() >= REMEMBERED {
                looks.retain(|_, at| now < *at);
                if looks.len() >= REMEMBERED {
                    looks.clear();
                }
            }
            looks.insert(job.clone(), now + self.retention / 8);
        }
        if let Err(error) = self.read(job).await {
            tracing::debug!(%error, "the record of an owner could not be renewed");
            self.looks.lock().remove(job);
        }
    }

    /// Reads the record; if half of its time is over, it is stored again.
    async fn read(&self, job: &JobId) -> store::Result<Option<Event>> {
        let channel = job.ownership().map_err(rejected)?;
        let Some(event) = self.broker.history(&channel, 1).await?.pop() else { return Ok(None) };
        if self.clock.now().since(event.at) > self.retention / 2 {
            // The key makes sure that it is stored once, by whichever process is first.
            let again = Publish::new(channel, event.payload.clone()).key(event.id.to_string());
            self.broker.publish(again).await?;
        }
        Ok(Some(event))
    }
}
