//! A session that a connection holds.
use super::Error;
use crate::model::{Activity, Message, Meta, SessionKey, Status, Topics};

/// A session bound to a connection of this process; dropping it leaves (after the grace).
pub struct Hold {
    pub(super) key: SessionKey,
}

impl Hold {
    /// Which session.
    pub fn key(&self) -> &SessionKey {
        &self.key
    }
    /// Returns once the store has it.
    /// # Errors
    /// [`Error::Rejected`] if the store refuses it.
    pub async fn stored(&self) -> Result<(), Error> {
        todo!()
    }
    /// Tells of activity.
    pub fn active(&self, activity: Activity) {
        let _ = activity;
        todo!()
    }
    /// Moves to these topics, and out of all others at once.
    pub fn place(&self, topics: Topics) {
        let _ = topics;
        todo!()
    }
    /// Declares a status.
    pub fn declare(&self, status: Status, message: Option<Message>) {
        let _ = (status, message);
        todo!()
    }
    /// Says something of the session.
    pub fn meta(&self, meta: Meta) {
        let _ = meta;
        todo!()
    }
    /// Leaves now, without the grace.
    pub fn leave_now(self) {
        todo!()
    }
}
