//! Jobs as the broker keeps them: a channel of updates each, and who owns it.
//!
//! Nothing of a job is in this process: every instance reads and writes the same channels.

mod owners;

use crate::{JobId, Status, Update};
use owners::Owners;
use presence_core::broker::{Event, Publish, Published};
use presence_core::{Broker, Clock, InvalidValue, Timestamp, store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Jobs, on a broker. Cheap to clone.
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
    /// Jobs on this broker, which keeps their updates for `retention`.
    pub fn new(broker: Arc<dyn Broker>, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        let owners = Owners::new(Arc::clone(&broker), Arc::clone(&clock), retention);
        Self(Arc::new(Inner { broker, clock, owners }))
    }

    /// Creates a job that is pending, owned by `owner` if there is one.
    ///
    /// # Errors
    /// Those of the broker. What was stored of the job until then expires.
    pub async fn create(&self, owner: Option<&str>) -> store::Result<Created> {
        let created = Created { job: JobId::draw(), at: self.0.clock.now() };
        if let Some(owner) = owner {
            self.0.owners.set(&created.job, owner).await?;
        }
        let pending = Update::new(Status::Pending, 0, "queued", "Job created");
        self.publish(&created.job, &pending, None).await?;
        Ok(created)
    }

    /// Stores an update and shows it to all viewers of the job; one with a `key` that was used
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

    /// The update that was stored last; `None` for a job that nobody has heard of.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn latest(&self, job: &JobId) -> store::Result<Option<Event>> {
        Ok(self.0.broker.history(&job.updates().map_err(rejected)?, 1).await?.pop())
    }

    /// Who created it, if that was somebody.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn owner(&self, job: &JobId) -> store::Result<Option<String>> {
        self.0.owners.of(job).await
    }

    /// Sees to it that ownership outlives the updates of these jobs, which others store.
    pub(crate) async fn keep_owners(self, mut heard: mpsc::Receiver<JobId>) {
        while let Some(job) = heard.recv().await {
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

/// An update as it is published, without an idempotency key; `now` is its time where it says none.
pub(crate) fn message(job: &JobId, update: &Update, now: Option<Timestamp>) -> Result<Publish, InvalidValue> {
    let message = Publish::new(job.updates()?, update.render(job, now));
    Ok(if update.status().is_final() { message.last() } else { message })
}

/// No valid id gets here.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls")]
fn rejected(invalid: InvalidValue) -> store::Error {
    store::Error::new(store::Kind::Rejected, invalid.to_string())
}
