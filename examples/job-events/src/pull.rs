//! Updates pulled from Google Pub/Sub, with Google's own client.

use crate::{Error, Intake, Pubsub};
use google_cloud_auth::credentials::{Credentials, anonymous};
use google_cloud_pubsub::client::{Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::model::Message;
use google_cloud_pubsub::subscriber::handler::Handler;
use std::error::Error as StdError;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// The pause after a failure, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long the emulator waits for an acknowledgement before it delivers a message again.
const EMULATOR_DEADLINE: i32 = 10;

/// Pulls until it is dropped.
#[must_use = "dropping it ends the pulling"]
pub struct Pulling(AbortHandle);

impl Drop for Pulling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Pulls messages in the background if a project is configured. After an outage of
/// Pub/Sub it continues.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(settings: &Pubsub, intake: &Intake) -> Option<Pulling> {
    if settings.google_cloud_project_id.trim().is_empty() {
        return None;
    }
    let puller = Puller { settings: settings.clone(), intake: intake.clone() };
    Some(Pulling(tokio::spawn(puller.run()).abort_handle()))
}

struct Puller {
    settings: Pubsub,
    intake: Intake,
}

impl Puller {
    async fn run(self) {
        let mut pause = PAUSE.0;
        loop {
            if let Err(error) = self.pull(&mut pause).await {
                tracing::warn!(error = &*error, "cannot pull; trying again");
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSE.1);
        }
    }

    /// Pulls until the stream of messages breaks.
    ///
    /// Messages are handled one after the other, which keeps the order of the updates of a job.
    async fn pull(&self, pause: &mut Duration) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let mut builder = Subscriber::builder();
        if let Some((endpoint, nobody)) = self.emulator() {
            self.prepare(&endpoint, &nobody).await?;
            builder = builder.with_endpoint(endpoint).with_credentials(nobody);
        }
        let mut messages = builder.build().await?.subscribe(self.subscription()).build();
        tracing::info!(subscription = self.subscription(), "pulling");
        while let Some(next) = messages.next().await {
            let (message, handler) = next?;
            *pause = PAUSE.0;
            self.take(&message, handler).await;
        }
        Ok(())
    }

    /// Acknowledges a message once it is done with; an unreadable one is delivered again.
    ///
    /// While the broker fails, the message is kept, and the client extends its deadline at Pub/Sub.
    async fn take(&self, message: &Message, handler: Handler) {
        let attempt = handler.delivery_attempt().and_then(|attempt| u32::try_from(attempt).ok());
        let mut pause = PAUSE.0;
        loop {
            match self.intake.take("pull", &message.message_id, attempt, message.data.clone()).await {
                Ok(()) => return handler.ack(),
                Err(Error::Validation(problems)) => {
                    tracing::warn!(id = message.message_id, ?problems, "a message cannot be read");
                    return handler.nack();
                }
                Err(_) => {
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSE.1);
                }
            }
        }
    }

    fn subscription(&self) -> String {
        let Pubsub { google_cloud_project_id: project, pubsub_status_updates_subscription: name, .. } =
            &self.settings;
        format!("projects/{project}/subscriptions/{name}")
    }

    /// The address of the emulator and the credentials for it. The client itself does
    /// not read `PUBSUB_EMULATOR_HOST`.
    fn emulator(&self) -> Option<(String, Credentials)> {
        let host = self.settings.pubsub_emulator_host.trim();
        (!host.is_empty()).then(|| (format!("http://{host}"), anonymous::Builder::new().build()))
    }

    /// Creates the topic and the subscription in the emulator, which starts without any. At Google
    /// they exist.
    async fn prepare(
        &self,
        endpoint: &str,
        nobody: &Credentials,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let Pubsub { google_cloud_project_id: project, pubsub_status_updates_topic: topic, .. } =
            &self.settings;
        let topic = format!("projects/{project}/topics/{topic}");
        let topics = TopicAdmin::builder().with_endpoint(endpoint).with_credentials(nobody.clone());
        let created = topics.build().await?.create_topic().set_name(&topic).send().await;
        unless_there(created.map(drop))?;
        let subscriptions =
            SubscriptionAdmin::builder().with_endpoint(endpoint).with_credentials(nobody.clone());
        let subscriptions = subscriptions.build().await?;
        let create = subscriptions.create_subscription().set_name(self.subscription()).set_topic(topic);
        unless_there(create.set_ack_deadline_seconds(EMULATOR_DEADLINE).send().await.map(drop))?;
        Ok(())
    }
}

/// Ignores the error that something exists already.
fn unless_there(created: google_cloud_pubsub::Result<()>) -> google_cloud_pubsub::Result<()> {
    match created {
        Err(error) if error.status().is_some_and(|status| status.code.name() == "ALREADY_EXISTS") => Ok(()),
        other => other,
    }
}
