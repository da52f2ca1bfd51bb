//! The number of bytes that the server stores for a user record.

use crate::rig::{self, NATS, OLD};
use presence_core::store::UserRecord;
use presence_core::{PresenceStore, Timestamp, UserId};
use presence_nats::Storage;
use test_servers::nats::Nats;

const USERS: usize = 5_000;

/// The size of the bucket in bytes, as the server reports it.
fn taken(server: &Nats, name: &str) -> usize {
    let answer = server.request(&format!("$JS.API.STREAM.INFO.KV_{name}"), "");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["state"]["bytes"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn a_last_seen_time_takes_at_most_120_bytes_besides_the_user_id() {
    for server in [&NATS, &OLD] {
        for storage in [Storage::File, Storage::Memory] {
            // The namespace is in every key; this one has eight letters.
            let name = rig::unique().split_off(9);
            let store = rig::on(server, &name, storage);
            let record = |n| {
                let user = UserId::new(format!("user-{n}")).unwrap();
                UserRecord { seen_at: Timestamp::from_secs(1_700_000_000), ..UserRecord::new(user) }
            };
            let records: Vec<UserRecord> = (0..USERS).map(record).collect();
            store.remember(&records[..1]).await.unwrap();
            let before = taken(server, &name);
            for batch in records[1..].chunks(500) {
                store.remember(batch).await.unwrap();
            }
            let ids: usize = records[1..].iter().map(|record| record.user.as_str().len()).sum();
            let each = (taken(server, &name) - before - ids) / (USERS - 1);
            assert!((20..=120).contains(&each), "{each} bytes each");
            rig::lose(server, &name);
        }
    }
}
