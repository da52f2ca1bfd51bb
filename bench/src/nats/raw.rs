//! The limits: plain NATS with the same client.

use super::server::Server;
use super::touches::WATCHING;
use crate::{Outcome, cpu};
use async_nats::{Client, ConnectOptions, HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::iter;
use serde_json::json;
use tokio::sync::Mutex;

/// The size of a message, in bytes, like that of a short record.
const BYTES: usize = 150;
/// The number of puts in flight.
const AT_ONCE: usize = 512;
/// The number of keys in the plain bucket.
const KEYS: usize = 10_000;

/// Two connections: one sends, the other receives.
pub struct Raw {
    client: Client,
    received: Mutex<Subscriber>,
    payload: Bytes,
}

impl Raw {
    pub async fn connect(server: &Server) -> Outcome<Self> {
        let client = async_nats::connect(server.url()).await?;
        // Room for a whole round, since the client drops what does not fit.
        let room = ConnectOptions::new().subscription_capacity(1_000_000);
        let listens = room.connect(server.url()).await?;
        let received = Mutex::new(listens.subscribe("raw.events").await?);
        let mut asked = listens.subscribe("raw.asked").await?;
        listens.flush().await?;
        tokio::spawn(async move {
            while let Some(message) = asked.next().await {
                if let Some(inbox) = message.reply {
                    let _ = listens.publish(inbox, message.payload).await;
                }
            }
        });
        let bucket = r#"{"name":"KV_raw","subjects":["$KV.raw.>"],"max_msgs_per_subject":1,"storage":"memory","discard":"new","allow_msg_ttl":true}"#;
        client.request("$JS.API.STREAM.CREATE.KV_raw", bucket.into()).await?;
        for n in 0..WATCHING {
            let inbox = format!("raw.watches.{n}");
            let mut watch = client.subscribe(inbox.clone()).await?;
            tokio::spawn(async move { while watch.next().await.is_some() {} });
            let config = json!({ "deliver_subject": inbox, "deliver_policy": "new", "ack_policy": "none", "mem_storage": true });
            let consumer = json!({ "stream_name": "KV_raw", "config": config }).to_string();
            client.request("$JS.API.CONSUMER.CREATE.KV_raw", consumer.into()).await?;
        }
        Ok(Self { client, received, payload: vec![b'x'; BYTES].into() })
    }

    /// Messages per second, published without an ack, until the subscriber has received all.
    pub async fn published(&self, count: usize) -> Outcome<f64> {
        let mut received = self.received.lock().await;
        let start = cpu::wall();
        let publish = async {
            for _ in 0..count {
                self.client.publish("raw.events", self.payload.clone()).await?;
            }
            Outcome::Ok(self.client.flush().await?)
        };
        let listen = async {
            for _ in 0..count {
                received.next().await.ok_or("the subscriber lost its connection")?;
            }
            Outcome::Ok(())
        };
        tokio::try_join!(publish, listen)?;
        Ok(count as f64 / ((cpu::wall() - start) as f64 / 1e9))
    }

    /// Beats in a plain bucket: puts with a TTL of a minute, each with an ack, 512 in flight, and
    /// with four watchers.
    pub async fn put(&self, count: usize) -> Outcome {
        let puts = (0..count).map(|n| async move {
            let key = format!("$KV.raw.s.{}", n % KEYS);
            let mut headers = HeaderMap::new();
            headers.insert("Nats-TTL", "60");
            self.client.request_with_headers(key, headers, self.payload.clone()).await
        });
        let mut puts = iter(puts).buffer_unordered(AT_ONCE);
        while let Some(answer) = puts.next().await {
            if !answer?.payload.starts_with(b"{\"stream\"") {
                return Err("the plain bucket refused a put".into());
            }
        }
        Ok(())
    }

    /// Microseconds of wall time for each request, one at a time, answered by a client
    /// on another connection.
    pub async fn asked(&self, count: usize) -> Outcome<Vec<f64>> {
        let mut taken = Vec::with_capacity(count);
        for _ in 0..count {
            let start = cpu::wall();
            self.client.request("raw.asked", self.payload.clone()).await?;
            taken.push((cpu::wall() - start) as f64 / 1e3);
        }
        Ok(taken)
    }

    /// The number of messages in a round.
    pub fn messages(quick: bool) -> usize {
        if quick { 100_000 } else { 300_000 }
    }
}
