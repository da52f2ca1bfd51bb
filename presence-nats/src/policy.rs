//! Compares the policies of the processes in a namespace.

use crate::error::Outcome;
use crate::jetstream::streams::Traits;
use crate::store::Shared;
use presence_core::Policy;

impl Shared {
    /// Compares this process's policy with that of the first process; logs a difference once.
    pub(crate) async fn compare_policies(&self, traits: Traits) -> Outcome<()> {
        let streams = &self.streams;
        let Some(ours) = streams.options.policy.as_ref().map(Policy::to_string) else { return Ok(()) };
        let subject = streams.keys.policy();
        if streams.write(&subject, 0, ours.clone().into(), None).await?.is_some() {
            return Ok(());
        }
        let first = streams.latest(traits, vec![subject.clone()]).await?.remove(&subject);
        let theirs = first.as_ref().map(|raw| String::from_utf8_lossy(&raw.payload)).unwrap_or_default();
        if theirs != *ours && !self.has_warned_of_policies() {
            tracing::warn!(ours, %theirs, "the first process of this namespace has another policy");
        }
        Ok(())
    }
}
