//! `remember`: merges user records (clause U1).

use crate::codec::{Record, encode_user};
use crate::state::merge::{Register, Write};
use crate::store::Shared;
use bytes::Bytes;
use presence_core::UserId;
use presence_core::store::{Result, UserRecord};
use std::collections::BTreeMap;

impl Register for UserRecord {
    fn of(record: Record) -> Option<Self> {
        match record {
            Record::User(record) => Some(record),
            _ => None,
        }
    }

    fn encode(&self) -> Bytes {
        encode_user(self)
    }

    fn absorb(&mut self, other: &Self) -> bool {
        self.merge(other)
    }
}

impl Shared {
    pub(crate) async fn remember(&self, users: &[UserRecord]) -> Result<()> {
        let mut merged: BTreeMap<&UserId, UserRecord> = BTreeMap::new();
        for record in users {
            let entry = merged.entry(&record.user);
            entry.and_modify(|known| _ = known.merge(record)).or_insert_with(|| record.clone());
        }
        let write = |value: &UserRecord| {
            let subject = self.streams.keys.user(&value.user);
            // Most of these records exist, so they are read first.
            Write { subject, value: value.clone(), expected: None, forgotten: None }
        };
        let merge = |traits| self.streams.merge(traits, merged.values().map(write).collect());
        self.streams.with(merge).await.map(drop)
    }
}
