//! Settings, from flags and environment.

mod servers;

pub use servers::{InvalidHost, Servers};

use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Parser};
use presence_axum::Cors;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Live job status over Server-Sent Events.
#[derive(Debug, Clone, Parser)]
pub struct Settings {
    /// The address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// The port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The server that keeps updates.
    #[command(flatten)]
    pub servers: Servers,
    /// The source of updates.
    #[command(flatten)]
    pub pubsub: Pubsub,
    /// The interval of heartbeats on a stream, in milliseconds.
    #[arg(long, env = "SSE_HEARTBEAT_INTERVAL", value_name = "MILLISECONDS", default_value_t = 30_000)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(10..=3_600_000))]
    sse_heartbeat_interval: u64,
    /// The seconds after which a stream ends, to be resumed by its client.
    #[arg(long, env = "SSE_CONNECTION_TIMEOUT", value_name = "SECONDS", default_value_t = 3_600)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    sse_connection_timeout: u64,
    /// How long a job is remembered after its last update, in seconds.
    #[arg(long, env = "JOB_RETENTION", value_name = "SECONDS", default_value_t = 86_400)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=31_536_000))]
    job_retention: u64,
    /// The maximum number of requests and new streams per client and minute; 0: no limit.
    #[arg(long, env = "RATE_LIMIT", value_name = "PER MINUTE", default_value_t = 600)]
    pub rate_limit: u32,
    /// The number of your own proxies in front.
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NUMBER", default_value_t = 0)]
    pub trusted_proxies: usize,
    /// The origins whose pages may call, separated by commas; `*` for any.
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGINS", default_value = "*")]
    pub cors_origins: Cors,
    /// Access rights.
    #[command(flatten)]
    pub tokens: Tokens,
    /// Runs a worker that drives every job through its stages.
    #[arg(long, env = "DEMO", value_parser = clap::builder::BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub demo: bool,
}

/// Google Pub/Sub, from which updates are pulled if a project is set.
#[derive(Debug, Clone, clap::Args)]
pub struct Pubsub {
    /// The project; empty: nothing is pulled.
    #[arg(long, env = "GOOGLE_CLOUD_PROJECT_ID", value_name = "PROJECT", default_value = "")]
    #[arg(hide_default_value = true)]
    pub google_cloud_project_id: String,
    /// The topic of updates; it is created only in the emulator.
    #[arg(long, env = "PUBSUB_STATUS_UPDATES_TOPIC", value_name = "TOPIC", default_value = "status-updates")]
    pub pubsub_status_updates_topic: String,
    /// The subscription that is pulled.
    #[arg(long, env = "PUBSUB_STATUS_UPDATES_SUBSCRIPTION", value_name = "SUBSCRIPTION")]
    #[arg(default_value = "sse-service-subscription")]
    pub pubsub_status_updates_subscription: String,
    /// The host and port of the Pub/Sub emulator; empty: Google's own service.
    #[arg(long, env = "PUBSUB_EMULATOR_HOST", value_name = "HOST:PORT", default_value = "")]
    #[arg(hide_default_value = true)]
    pub pubsub_emulator_host: String,
}

/// Tokens and secrets; without any, everything is open.
#[derive(Debug, Clone, clap::Args)]
pub struct Tokens {
    /// The secret that signs the tokens of users; if set, jobs have owners.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<Secret>,
    /// The URL of the keys that sign the tokens of users; if set, jobs have owners.
    #[arg(long, env = "JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<String>,
    /// The bearer token of internal publishers.
    #[arg(long, env = "INTERNAL_TOKEN", hide_env_values = true)]
    pub internal_token: Option<Secret>,
    /// The required audience (`aud`) of Google's tokens on pushes.
    #[arg(long, env = "PUSH_AUDIENCE", value_name = "AUDIENCE")]
    pub push_audience: Option<String>,
    /// The URL of the keys that sign pushes. Default: Google's.
    #[arg(long, env = "PUSH_JWKS_URL", value_name = "URL")]
    pub push_jwks_url: Option<String>,
    /// The service account that pushes (`email`). Set it: any Google account can sign a token for
    /// any audience.
    #[arg(long, env = "PUSH_SERVICE_ACCOUNT", value_name = "EMAIL")]
    pub push_service_account: Option<String>,
    /// The token that pushes send as `?token=`.
    #[arg(long, env = "PUSH_TOKEN", hide_env_values = true)]
    pub push_token: Option<Secret>,
}

impl Settings {
    /// The interval of heartbeats on a stream.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.sse_heartbeat_interval)
    }

    /// How long a stream may last.
    pub fn connection_timeout(&self) -> Duration {
        Duration::from_secs(self.sse_connection_timeout)
    }

    /// How long a job is remembered after its last update.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.job_retention)
    }
}

/// A secret text: `Debug` does not show it, and it must not be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Treats an empty setting as absent.
pub(crate) fn set<T: AsRef<str>>(setting: Option<T>) -> Option<T> {
    setting.filter(|text| !text.as_ref().trim().is_empty())
}

impl AsRef<str> for Secret {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
