//! Faults of servers in the middle of a drill, and a foreign publisher.

use super::meanwhile;
use crate::job_events::drill::{Foreign, Misfortune};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use test_servers::nats::Nats;
use test_servers::redis::Redis;

/// `PUBLISH` as any other service sends it; `None` if the server does not respond.
pub fn publish(port: u16, channel: &str, payload: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let parts = ["PUBLISH", channel, payload].map(|part| format!("${}\r\n{part}\r\n", part.len()));
    stream.write_all(format!("*3\r\n{}", parts.concat()).as_bytes()).ok()?;
    let mut answer = vec![0; 64];
    let n = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..n]).into_owned())
}

pub struct Publisher(pub u16);

impl Foreign for Publisher {
    fn publish(&self, channel: &str, payload: &str) {
        publish(self.0, channel, payload);
    }
}

/// Killed for some seconds.
pub struct KillRedis(pub Arc<Redis>);

impl Misfortune for KillRedis {
    async fn strike(&self) {
        let redis = Arc::clone(&self.0);
        meanwhile(move || {
            redis.kill();
            std::thread::sleep(Duration::from_secs(5));
            redis.restart();
        })
        .await;
    }
}

pub struct KillNats(pub Arc<Nats>);

impl Misfortune for KillNats {
    async fn strike(&self) {
        let nats = Arc::clone(&self.0);
        meanwhile(move || {
            nats.kill();
            std::thread::sleep(Duration::from_secs(5));
            nats.restart();
        })
        .await;
    }
}
