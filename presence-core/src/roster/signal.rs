//! A callback by which the roster requests work. The roster has no tasks of its own.

use std::sync::OnceLock;

/// A callback, set once. It is called under a shard's lock, and must neither block nor call back
/// into the roster.
#[derive(Default)]
pub(crate) struct Signal(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Signal {
    pub fn set(&self, callback: impl Fn() + Send + Sync + 'static) {
        // Set once, when the tasks of the roster's one `Presence` start.
        let _ = self.0.set(Box::new(callback));
    }

    pub fn call(&self) {
        if let Some(callback) = self.0.get() {
            callback();
        }
    }
}
