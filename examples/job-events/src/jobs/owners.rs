//! Who created a job, for as long as the job has updates.

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

/// The ownership records of jobs: one event each, in a channel of its own.
///
/// An event is kept for as long as an update is. A job that takes longer than that has its record
/// stored again while updates come.
pub(super) struct Owners {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    retention: Duration,
    /// When the record of a job is looked at next, by this process.
    looks: Mutex<HashMap<JobId, Timestamp>>,
}

/// Of how many jobs it is remembered when to look; beyond that all are looked at again.
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

    /// Who owns it, if its creation recorded anybody.
    pub(super) async fn of(&self, job: &JobId) -> store::Result<Option<String>> {
        let Some(event) = self.read(job).await? else { return Ok(None) };
        let record = serde_json::from_slice::<Record<'_>>(&event.payload);
        let unreadable = |_| store::Error::new(store::Kind::Corrupt, "the record of an owner is no JSON");
        record.map(|record| Some(record.owner.into_owned())).map_err(unreadable)
    }

    /// Sees to it that the record outlives the update that has just been stored. A failure is made
    /// up for by the next.
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

    /// The record; one that has spent half of its time is stored again.
    async fn read(&self, job: &JobId) -> store::Result<Option<Event>> {
        let channel = job.ownership().map_err(rejected)?;
        let Some(event) = self.broker.history(&channel, 1).await?.pop() else { return Ok(None) };
        if self.clock.now().since(event.at) > self.retention / 2 {
            // Whichever process does it first, it is done once.
            let again = Publish::new(channel, event.payload.clone()).key(event.id.to_string());
            self.broker.publish(again).await?;
        }
        Ok(Some(event))
    }
}
