//! Records of users: U1.

use crate::store::Shared;
use presence_core::UserRecord;
use presence_core::store::{Error, Kind, Result};

impl Shared {
    #[expect(clippy::unused_async, reason = "a verb like the others")]
    pub(crate) async fn remember(&self, _users: &[UserRecord]) -> Result<()> {
        Err(Error::new(Kind::Rejected, "records of users are not kept on NATS yet"))
    }
}
