//! Settings, from flags and environment.

use crate::rights::Writes;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, ValueEnum};
use presence_axum::auth::Hs256;
use presence_axum::{Cors, InvalidCors};
use presence_core::NodeId;
use std::net::IpAddr;
use std::time::Duration;

/// User status over HTTP, in a center and its leaves.
#[derive(Debug, Clone, Parser)]
pub struct Settings {
    /// The role of this node.
    #[arg(long, env = "NODE_TYPE", default_value = "center", ignore_case = true)]
    pub node_type: NodeType,
    /// The name of this node in what it writes.
    #[arg(long, env = "NODE_ID", default_value = "node-1")]
    pub node_id: NodeId,
    /// The address to listen on.
    #[arg(long, env = "SERVICE_HOST", default_value = "0.0.0.0")]
    pub service_host: IpAddr,
    /// The port to listen on.
    #[arg(long, env = "SERVICE_PORT", default_value_t = 8080)]
    pub service_port: u16,
    /// The secret that signs tokens. Required.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, default_value = "", hide_default_value = true)]
    pub jwt_secret: Secret,
    /// The required issuer (`iss`); empty: any.
    #[arg(long, env = "JWT_ISSUER", default_value = "", hide_default_value = true)]
    pub jwt_issuer: String,
    /// The required audience (`aud`); empty: any.
    #[arg(long, env = "JWT_AUDIENCE", default_value = "", hide_default_value = true)]
    pub jwt_audience: String,
    /// Whether a user may write only their own status, unless they are an administrator.
    #[arg(long, env = "RESTRICT_WRITES", default_value = "true", value_parser = BoolishValueParser::new(), action = ArgAction::Set)]
    pub restrict_writes: bool,
    /// The NATS servers of a center, or a leaf's own ones, separated by commas; empty: memory.
    #[arg(long, env = "NATS_URL", hide_env_values = true, default_value = "", hide_default_value = true)]
    pub nats_url: Secret,
    /// The center's NATS servers, for a leaf that connects to them directly.
    #[arg(
        long,
        env = "NATS_CENTER_URL",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub nats_center_url: Secret,
    /// The center's JetStream domain, for a leaf with its own NATS server.
    #[arg(long, env = "NATS_DOMAIN", default_value = "", hide_default_value = true)]
    pub nats_domain: String,
    /// The bucket of the statuses.
    #[arg(long, env = "NATS_BUCKET", default_value = "presence")]
    pub nats_bucket: String,
    /// The maximum size of a node's cache, in bytes.
    #[arg(long, env = "CACHE_MAX_COST", default_value_t = 1_000_000)]
    pub cache_max_cost: u64,
    /// For how many users the cache counts reads.
    #[arg(long, env = "CACHE_NUM_COUNTERS", default_value_t = 100_000)]
    pub cache_num_counters: usize,
    /// The log level (error, warn, info, debug, trace), or levels by module.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// CORS.
    #[command(flatten)]
    pub cors: CorsSettings,
}

/// The role of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeType {
    /// Next to the store; cleans it up.
    Center,
    /// In another place; continues to read when it is cut off from the center.
    Leaf,
}

/// A secret text, or URLs that may contain a password: neither `--help` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The store of statuses.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// In this process.
    Memory,
    /// In NATS KV.
    Nats {
        /// The setting with the servers, for messages.
        setting: &'static str,
        /// The servers to connect to.
        urls: Vec<String>,
        /// The JetStream domain of the bucket, if it differs from that of the servers.
        domain: Option<String>,
        /// The bucket.
        bucket: String,
    },
}

/// Shows the bucket but not the servers, whose URLs may contain a password.
impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Nats { setting, domain, bucket, .. } => f
                .debug_struct("Nats")
                .field("setting", setting)
                .field("domain", domain)
                .field("bucket", bucket)
                .finish_non_exhaustive(),
        }
    }
}

impl StoreSettings {
    /// The setting to check when the store does not answer.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Nats { setting, .. } => setting,
        }
    }
}

impl Settings {
    /// The statuses that a user who is no administrator may write.
    pub fn writes(&self) -> Writes {
        if self.restrict_writes { Writes::Own } else { Writes::All }
    }

    /// The store of statuses.
    ///
    /// # Errors
    /// A message about the setting that is missing.
    pub fn store(&self) -> Result<StoreSettings, &'static str> {
        let list = |urls: &str| {
            urls.split(',').map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect()
        };
        let (own, center): (Vec<_>, Vec<_>) = (list(&self.nats_url.0), list(&self.nats_center_url.0));
        let domain = Some(self.nats_domain.trim()).filter(|domain| !domain.is_empty()).map(str::to_owned);
        let nats = |setting, urls, domain| {
            Ok(StoreSettings::Nats { setting, urls, domain, bucket: self.nats_bucket.clone() })
        };
        let (url, center_url) = ("NATS_URL", "NATS_CENTER_URL");
        match self.node_type {
            NodeType::Leaf if !own.is_empty() && domain.is_some() => nats(url, own, domain),
            NodeType::Leaf if !center.is_empty() => nats(center_url, center, None),
            NodeType::Leaf if !own.is_empty() => {
                Err("a leaf over its own NATS server needs the center's JetStream domain: set NATS_DOMAIN")
            }
            NodeType::Leaf => {
                Err("a leaf needs its center: set NATS_CENTER_URL, or NATS_URL and NATS_DOMAIN")
            }
            NodeType::Center if !own.is_empty() => nats(url, own, domain),
            NodeType::Center if !center.is_empty() => nats(center_url, center, domain),
            NodeType::Center => Ok(StoreSettings::Memory),
        }
    }

    /// Verifies tokens.
    ///
    /// # Errors
    /// A message that the secret is missing.
    pub fn tokens(&self) -> Result<Hs256, &'static str> {
        let secret = self.jwt_secret.0.as_str();
        if secret.is_empty() {
            return Err("JWT_SECRET is required: the secret that tokens are signed with");
        }
        let tokens = Hs256::new(secret);
        let tokens = if self.jwt_issuer.is_empty() { tokens } else { tokens.issuer(&self.jwt_issuer) };
        Ok(if self.jwt_audience.is_empty() { tokens } else { tokens.audience(&self.jwt_audience) })
    }
}

/// Pages of other origins.
#[derive(Debug, Clone, Args)]
pub struct CorsSettings {
    /// Whether pages of other origins may call.
    #[arg(long, env = "CORS_ENABLED", default_value = "true", value_parser = BoolishValueParser::new(), action = ArgAction::Set)]
    pub cors_enabled: bool,
    /// Their origins, or `*` for all.
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", default_value = "*")]
    pub cors_allowed_origins: String,
    /// The methods that they may use.
    #[arg(long, env = "CORS_ALLOWED_METHODS", default_value = "GET,POST,PUT,DELETE,OPTIONS")]
    pub cors_allowed_methods: String,
    /// The headers that they may send.
    #[arg(long, env = "CORS_ALLOWED_HEADERS", default_value = "Authorization,Content-Type")]
    pub cors_allowed_headers: String,
    /// Whether they may send cookies and other credentials; not with `*`.
    #[arg(long, env = "CORS_ALLOW_CREDENTIALS", default_value = "false", value_parser = BoolishValueParser::new(), action = ArgAction::Set)]
    pub cors_allow_credentials: bool,
    /// How long a browser may cache the response to a preflight, in seconds.
    #[arg(long, env = "CORS_MAX_AGE", default_value_t = 600)]
    pub cors_max_age: u64,
}

impl CorsSettings {
    /// The CORS settings in the library's form; `None` if no page may call.
    ///
    /// `*` with credentials would let any page act for a logged-in user, and browsers refuse it;
    /// credentials are then left out, with a warning.
    ///
    /// # Errors
    /// [`InvalidCors`] names what is wrong.
    pub fn cors(&self) -> Result<Option<Cors>, InvalidCors> {
        if !self.cors_enabled {
            return Ok(None);
        }
        let list = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
        };
        let cors = self.cors_allowed_origins.parse::<Cors>()?.echoing();
        let cors = match (self.cors_allow_credentials, cors.clone().credentials()) {
            (true, Ok(with_credentials)) => with_credentials,
            (true, Err(invalid)) => {
                tracing::warn!("CORS_ALLOW_CREDENTIALS is left out: {invalid}");
                cors
            }
            (false, _) => cors,
        };
        let cors =
            cors.methods(list(&self.cors_allowed_methods))?.headers(list(&self.cors_allowed_headers))?;
        let cors = cors.exposes([crate::VIEW.as_str(), "retry-after", "www-authenticate"])?;
        Ok(Some(cors.max_age(Duration::from_secs(self.cors_max_age))))
    }
}
