//! A connection that is opened when it is needed, and replaced after it has ended or failed.

use presence_core::random;
use redis::aio::{MultiplexedConnection, SendError};
use redis::io::tcp::{TcpSettings, socket2};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisResult,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long connecting and each call may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A connection that all clones share.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    opened: Arc<Mutex<Option<Opened>>>,
}

#[derive(Clone)]
struct Opened {
    connection: MultiplexedConnection,
    /// Set when Redis has closed the connection, perhaps long before the next call, or when a call
    /// has failed. The next call then opens another connection.
    has_ended: Arc<AtomicBool>,
}

/// Redis did not answer, or refused the command.
#[derive(Debug)]
pub(super) struct Unanswered;

impl Link {
    pub fn new(url: &str) -> Result<Self, ()> {
        let info = Client::open(url).map_err(drop)?.get_connection_info().clone();
        // Detects a peer that has vanished without closing.
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(5))
            .with_interval(Duration::from_secs(2))
            .with_retries(2);
        let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(Duration::from_secs(5));
        let client = Client::open(info.set_tcp_settings(settings)).map_err(drop)?;
        Ok(Self { client, opened: Arc::default() })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs commands and returns their results.
    pub async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Unanswered> {
        let Opened { mut connection, has_ended } = self.opened().await?;
        let answer = tokio::time::timeout(PATIENCE, commands.query_async(&mut connection)).await;
        if let Ok(Ok(answer)) = answer {
            return Ok(answer);
        }
        has_ended.store(true, Ordering::Relaxed);
        if let Ok(Err(error)) = answer {
            tracing::debug!(%error, "redis refused");
        }
        Err(Unanswered)
    }

    async fn opened(&self) -> Result<Opened, Unanswered> {
        // Callers that need a connection at the same time share one attempt.
        let mut last = self.opened.lock().await;
        if let Some(opened) = last.as_ref().filter(|opened| !opened.has_ended.load(Ordering::Relaxed)) {
            return Ok(opened.clone());
        }
        *last = None;
        let opening = tokio::time::timeout(PATIENCE, self.open()).await;
        let opened = opening.ok().and_then(RedisResult::ok).ok_or(Unanswered)?;
        Ok(last.insert(opened).clone())
    }

    async fn open(&self) -> RedisResult<Opened> {
        let has_ended = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&has_ended);
        let on_push = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                ended.store(true, Ordering::Relaxed);
            }
            Ok::<(), SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(None)
            .set_push_sender(on_push);
        // The client reports the end of a connection only with this version of the protocol.
        let info = self.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Opened { connection, has_ended })
    }
}

/// A random pause before the next attempt, so that processes do not retry in step.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(250).mul_f64(0.5 + random::fraction() / 2.0)).await;
}
