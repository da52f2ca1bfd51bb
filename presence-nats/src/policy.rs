//! Compares the policies of the processes in a namespace.

use crate::error::Outcome;
use crate::jetstream::streams::Traits;
use crate::store::Shared;
use presence_core::Policy;

impl Shared {
    /// Compares this process's policy with that of the first process; logs a difference once.
    pub(crate) async fn compare_policies(&self, traits: Traits) -> Outcome<()> {
        let streams = &self.streams;
        let Some(ours) = streams.options.policy.as_ref().map(in_words) else { return Ok(()) };
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

fn in_words(policy: &Policy) -> String {
    // `remember_for` is not compared: it does not affect how a session is judged.
    let Policy { lease_for, held_for, active_for, grace, declared_counts, remember_for: _, last_seen: _ } =
        policy;
    format!(
        "lease {lease_for:?}, held {held_for:?}, active {active_for:?}, grace {grace:?}, declared {declared_counts}"
    )
}
