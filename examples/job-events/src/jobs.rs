//! Jobs in the broker: each has a channel of updates, and its owner.
//!
//! No state of a job is kept in this process: all instances read and write the same channels.

mod owners;

use crate::{JobId, Status, Update};
use owners::Owners;
use presence_core::broker::{Event, Publish, Published};
use presence_core::{Broker, Clock, InvalidValue, Timestamp, store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The jobs of a broker. Cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    owners: Owners,
}

/// A job that was just created.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub job: JobId,
    /// The time of its creation.
    pub at: Timestamp,
}

impl Jobs {
    /// Jobs in this broker, which keeps their updates for `retention`.
    pub fn new(broker: Arc<dyn Broker>, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        let owners = Owners::new(Arc::clone(&broker), Arc::clone(&clock), retention);
        Self(Arc::new(Inner { broker, clock, owners }))
    }

    /// Creates a pending job, with an owner if one is given.
    ///
    /// # Errors
    /// Those of the broker. If it fails halfway, what was stored of the job expires.
    pub async fn create(&self, owner: Option<&str>) -> store::Result<Created> {
        let created = Created { job: JobId::draw(), at: self.0.clock.now() };
        if let Some(owner) = owner {
            self.0.owners.set(&created.job, owner).await?;
        }
        let pending = Update::new(Status::Pending, 0, "queued", "Job created");
        self.publish(&created.job, &pending, None).await?;
        Ok(created)
    }

    /// Stores an update and sends it to all viewers of the job. An update whose `key` was used
    /// before changes nothing.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn publish(
        &self,
        job: &JobId,
        update: &Update,
        key: Option<String>,
    ) -> store::Result<Published> {
        let mut message = message(job, update, Some(self.0.clock.now())).map_err(rejected)?;
        message.key = key.map(Into::into);
        let published = self.0.broker.publish(message).await?;
        self.0.owners.keep(job).await;
        Ok(published)
    }

    /// The last stored update; `None` for an unknown job.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn latest(&self, job: &JobId) -> store::Result<Option<Event>> {
        Ok(self.0.broker.history(&job.updates().map_err(rejected)?, 1).await?.pop())
    }

    /// The owner of the job, if it has one.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn owner(&self, job: &JobId) -> store::Result<Option<String>> {
        self.0.owners.of(job).await
    }

    /// Renews the owner records of jobs whose updates are stored by other services.
    pub(crate) async fn keep_owners(self, mut changes: mpsc::Receiver<JobId>) {
        while let Some(job) = changes.recv().await {
            self.0.owners.keep(&job).await;
        }
    }

    /// Returns once the broker has answered.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn ping(&self) -> store::Result<()> {
        self.0.broker.ping().await
    }
}

/// The message that publishes an update, without an idempotency key. `now` is used if the update
/// has no time of its own.
pub(crate) fn message(job: &JobId, update: &Update, now: Option<Timestamp>) -> Result<Publish, InvalidValue> {
    let message = Publish::new(job.updates()?, update.render(job, now));
    Ok(if update.status().is_final() { message.last() } else { message })
}

/// Unreachable for a valid id.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls")]
fn rejected(invalid: InvalidValue) -> store::Error {
    store::Error::new(store::Kind::Rejected, invalid.to_string())
}
