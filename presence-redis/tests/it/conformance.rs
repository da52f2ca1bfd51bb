//! One test per clause of the contract, on every kind of server.

use async_trait::async_trait;
use presence_core::conformance::{Cannot, Harness};
use presence_core::{PresenceStore, conformance_tests, random};
use presence_redis::{Namespace, Options, RedisStore};
use std::sync::Arc;

struct Single(String);

#[async_trait]
impl Harness for Single {
    async fn fresh() -> Self {
        Self(format!("t{:016x}", random::u64()))
    }

    async fn open(&self, namespace: &str) -> Arc<dyn PresenceStore> {
        let options = Options::new(Namespace::new(format!("{}.{namespace}", self.0)).unwrap());
        Arc::new(RedisStore::connect("redis://127.0.0.1:7777", options).unwrap())
    }

    async fn open_broken(&self) -> Result<Arc<dyn PresenceStore>, Cannot> {
        let options = Options::new(Namespace::new("broken").unwrap());
        Ok(Arc::new(RedisStore::connect("redis://127.0.0.1:1", options).unwrap()))
    }

    async fn lose_all(&self, _namespace: &str) -> Result<(), Cannot> {
        Err(Cannot("later"))
    }

    fn histories(&self) -> u64 {
        16
    }
}

conformance_tests!(Single);
