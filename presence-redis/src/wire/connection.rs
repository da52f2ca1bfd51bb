//! A connection to one server or to a cluster, and the sources of new connections.

use crate::error::{classify, timeout};
use crate::store::Sentinels;
use presence_core::store::Result;
use redis::aio::{AsyncPushSender, ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisResult,
    Value,
};
use std::sync::Arc;
use std::time::Duration;

/// The receiver of push messages, which the server sends without a request; must not block.
pub type OnPush = Arc<dyn AsyncPushSender>;

/// A connection. Its clones share it, and calls are pipelined.
#[derive(Clone)]
pub enum Connection {
    /// A connection to one server. When it breaks, a new one has to be opened.
    Single(MultiplexedConnection),
    /// Connections to all masters. The client finds by itself to which one a shard has moved.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command; an error answer of the server is returned as an error.
    pub async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single(connection) => connection.req_packed_command(command).await?,
            Self::Cluster(connection) => connection.req_packed_command(command).await?,
        };
        answer.extract_error()
    }

    /// Subscribes to these channels. On a cluster they must share a slot.
    pub async fn subscribe_all(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.subscribe(channels).await,
            Self::Cluster(connection) => connection.ssubscribe(channels).await,
        }
    }

    /// Unsubscribes from these channels.
    pub async fn unsubscribe(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.unsubscribe(channels).await,
            Self::Cluster(connection) => {
                for channel in channels {
                    connection.sunsubscribe(channel).await?;
                }
                Ok(())
            }
        }
    }

    /// Subscribes to these patterns; on a cluster, only messages of plain `PUBLISH` match.
    pub async fn psubscribe(&mut self, patterns: &[&str]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.psubscribe(patterns).await,
            Self::Cluster(connection) => connection.psubscribe(patterns).await,
        }
    }

    /// Unsubscribes from this pattern.
    pub async fn punsubscribe(&mut self, pattern: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.punsubscribe(pattern).await,
            Self::Cluster(connection) => connection.punsubscribe(pattern).await,
        }
    }

    /// Subscribes to a channel.
    pub async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => connection.subscribe(channel).await,
            Self::Cluster(connection) => connection.ssubscribe(channel).await,
        }
    }
}

/// The timeout for finding the master by the sentinels. The client crate asks the sentinels in the
/// configured order. It waits a second for one that hangs, or for a master that hangs. The timeout
/// leaves time to ask the others.
const PATIENCE_OF_SENTINELS: Duration = Duration::from_secs(4);

/// A source of new connections.
pub enum Source {
    /// One server, by its address.
    Single(Client),
    /// Sentinels, which are asked for the master's address at each connection, since it changes.
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    /// A cluster, by some of its nodes.
    Cluster(ClusterClient),
}

impl Source {
    /// One server, by its URL.
    pub fn at(url: &str) -> Result<Self> {
        Client::open(url).map(Self::Single).map_err(classify)
    }

    /// The master that sentinels name.
    pub fn watched_by(sentinels: Sentinels) -> Result<Self> {
        let Sentinels { urls, service, username, password, database } = sentinels;
        let mut master =
            RedisConnectionInfo::default().set_db(database.into()).set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = username {
            master = master.set_username(username);
        }
        if let Some(password) = password {
            master = master.set_password(password);
        }
        let master = SentinelNodeConnectionInfo::default().set_redis_connection_info(master);
        let client = SentinelClient::build(urls, service, Some(master), SentinelServerType::Master);
        Ok(Self::Sentinel(client.map_err(classify)?.into()))
    }

    /// A cluster, by the URLs of some of its nodes.
    pub fn of_nodes(urls: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let urls: Vec<String> = urls.into_iter().map(Into::into).collect();
        let client = ClusterClientBuilder::new(urls)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp_settings())
            .retries(3)
            .max_retry_wait(250)
            .build();
        client.map(Self::Cluster).map_err(classify)
    }

    /// The number of the database that is used; 0 where it is not known.
    pub fn database(&self) -> i64 {
        match self {
            Self::Single(client) => client.get_connection_info().redis_settings().db(),
            Self::Sentinel(_) | Self::Cluster(_) => 0,
        }
    }

    /// Whether this is a cluster, where a script can use the keys of one shard only.
    pub fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Opens a connection within `patience`. Push messages go to `on_push`.
    ///
    /// # Errors
    ///
    /// Those of [`classify`]; a server that does not answer is a timeout.
    pub async fn open(&self, patience: Duration, on_push: Option<OnPush>) -> Result<Connection> {
        let client = match self {
            Self::Single(client) => client.clone(),
            Self::Sentinel(sentinels) => {
                let asked = async { sentinels.lock().await.async_get_client().await };
                within(PATIENCE_OF_SENTINELS, asked).await?
            }
            Self::Cluster(client) => return open_cluster(client, patience, on_push).await,
        };
        within(patience, open_single(&client, patience, on_push)).await
    }
}

/// Opens a connection within `patience`.
async fn within<T>(patience: Duration, opening: impl Future<Output = RedisResult<T>>) -> Result<T> {
    tokio::time::timeout(patience, opening).await.map_err(|_| timeout())?.map_err(classify)
}

async fn open_single(
    client: &Client,
    patience: Duration,
    on_push: Option<OnPush>,
) -> RedisResult<Connection> {
    // Every call has a timeout of this crate. The client crate's defaults are shorter and are
    // switched off.
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(512);
    if let Some(on_push) = on_push {
        config = config.set_push_sender(on_push);
    }
    let client = Client::open(tuned(client.get_connection_info()))?;
    client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
}

/// Opens the connections to a cluster. The client crate first waits for every given node, then for
/// every discovered node, even if a node hangs. The timeout leaves room for both rounds and for the
/// requests in between.
async fn open_cluster(
    client: &ClusterClient,
    patience: Duration,
    on_push: Option<OnPush>,
) -> Result<Connection> {
    let mut config = ClusterConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
    if let Some(on_push) = on_push {
        config = config.set_push_sender(on_push);
    }
    let rounds = patience.saturating_mul(3);
    within(rounds, client.get_async_connection_with_config(config)).await.map(Connection::Cluster)
}

/// The same address with the settings that this crate needs.
fn tuned(info: &ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.clone().set_redis_settings(settings).set_tcp_settings(tcp_settings())
}

/// `TCP_NODELAY`, and keepalive settings by which a vanished peer is noticed.
pub fn tcp_settings() -> TcpSettings {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(5))
        .with_interval(Duration::from_secs(2))
        .with_retries(2);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(5));
    settings
}
