//! Settings, from flags and environment.

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use presence_axum::Cors;
use presence_core::Policy;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Page presence on Redis: hits in, the total and the top pages out.
#[derive(Debug, Parser)]
pub struct Settings {
    /// The address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// The port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// How long a hit counts, in seconds.
    #[arg(long = "presence-ttl", env = "PRESENCE_TTL", value_name = "SECONDS", default_value_t = 90)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=Policy::MAX_LEASE.as_secs()))]
    ttl: u64,
    /// The origins whose pages may call, separated by commas; `*` for any.
    #[arg(long, env = "CORS_ORIGINS", default_value = "*", value_name = "ORIGINS")]
    pub cors_origins: Cors,
    /// The store for visits.
    #[command(flatten)]
    pub redis: Redis,
}

impl Settings {
    /// How long a hit counts.
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl)
    }
}

/// The Redis server. With neither host nor URL, visits are counted in this process only.
#[derive(Debug, Args)]
pub struct Redis {
    /// The name or address of the Redis server.
    #[arg(id = "redis-host", long, value_name = "HOST", env = "REDIS_HOST")]
    host: Option<String>,
    /// Its port.
    #[arg(id = "redis-port", long, value_name = "PORT", env = "REDIS_PORT", default_value_t = 6379)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Its password, any characters.
    #[arg(
        id = "redis-password",
        long,
        value_name = "PASSWORD",
        env = "REDIS_PASSWORD",
        hide_env_values = true
    )]
    password: Option<Secret>,
    /// Its URL, `redis://[user:password@]host[:port]`. Overrides the three above.
    #[arg(id = "redis-url", long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    url: Option<Secret>,
}

impl Redis {
    /// The URL of the server; `None` if none is configured. An empty setting counts as absent.
    ///
    /// # Errors
    /// [`InvalidHost`].
    pub fn url(&self) -> Result<Option<Secret>, InvalidHost> {
        let url = self.url.as_ref().map(|url| url.reveal().trim()).filter(|url| !url.is_empty());
        if let Some(url) = url {
            return Ok(Some(Secret(url.to_owned())));
        }
        let host = self.host.as_deref().unwrap_or_default().trim();
        if host.is_empty() {
            return Ok(None);
        }
        let is_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if !is_v6 && !is_name {
            return Err(InvalidHost);
        }
        let host = if is_v6 { format!("[{host}]") } else { host.to_owned() };
        // Escaped, so that no character of a password ends up in another part of the URL.
        let password = self.password.as_ref().map(Secret::reveal).filter(|password| !password.is_empty());
        let credentials = password
            .map(|password| format!(":{}@", utf8_percent_encode(password, NON_ALPHANUMERIC)))
            .unwrap_or_default();
        Ok(Some(Secret(format!("redis://{credentials}{host}:{}", self.port))))
    }
}

/// `REDIS_HOST` is neither a name nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("REDIS_HOST must be a name or an address alone; its port goes into REDIS_PORT, a URL into REDIS_URL")]
pub struct InvalidHost;

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
