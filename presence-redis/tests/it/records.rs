//! User records, which are kept when the sessions of a user are deleted.

use crate::rig;
use presence_core::store::UserRecord;
use presence_core::{PresenceStore, Timestamp, UserId};
use test_servers::redis::Redis;

const USERS: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_record_takes_at_most_120_bytes_beside_the_user_id() {
    for server in [Redis::start(), Redis::valkey()] {
        let name = rig::unique();
        let store = rig::on(&server, &name);
        let record = |n| {
            let user = UserId::new(format!("user-{n}")).unwrap();
            UserRecord { seen_at: Timestamp::from_secs(1_700_000_000), ..UserRecord::new(user) }
        };
        let records: Vec<UserRecord> = (0..USERS).map(record).collect();
        for batch in records.chunks(500) {
            store.remember(batch).await.unwrap();
        }
        let of_shard = |shard: u16| {
            let key = format!("presence:{{{name}:{shard}}}:records");
            let answer = server.command(&["MEMORY", "USAGE", &key, "SAMPLES", "0"]);
            answer.parse::<usize>().unwrap_or_else(|_| panic!("{key}: {answer}"))
        };
        let taken: usize = (0..store.shards()).map(of_shard).sum();
        let ids: usize = records.iter().map(|record| record.user.as_str().len()).sum();
        let each = (taken - ids) / USERS;
        assert!((20..=120).contains(&each), "{each} bytes each");
    }
}
