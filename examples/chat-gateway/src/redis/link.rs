//! A connection that is opened when it is needed, and closed after an error.

use presence_core::random;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2};
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long connecting and each call may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A connection that all clones share.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    connection: Arc<Mutex<Option<MultiplexedConnection>>>,
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
        Ok(Self { client, connection: Arc::default() })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs commands and returns their results.
    pub async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Unanswered> {
        let mut connection = self.connection().await?;
        let answer = tokio::time::timeout(PATIENCE, commands.query_async(&mut connection)).await;
        if let Ok(Ok(answer)) = answer {
            return Ok(answer);
        }
        *self.connection.lock().await = None;
        if let Ok(Err(error)) = answer {
            tracing::debug!(%error, "redis refused");
        }
        Err(Unanswered)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Unanswered> {
        // Callers that need a connection at the same time share one attempt.
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        let connected = connected.ok().and_then(Result::ok).ok_or(Unanswered)?;
        Ok(connection.insert(connected).clone())
    }
}

/// A random pause before the next attempt, so that processes do not retry in step.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(250).mul_f64(0.5 + random::fraction() / 2.0)).await;
}
