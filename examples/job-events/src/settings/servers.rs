//! The settings of Redis and NATS.

use super::Secret;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Redis or NATS; with neither, jobs are kept in this process only.
#[derive(Debug, Clone, Args)]
pub struct Servers {
    /// The name or address of the Redis server.
    #[arg(id = "redis-host", long, value_name = "HOST", env = "REDIS_HOST")]
    host: Option<String>,
    /// Its port.
    #[arg(id = "redis-port", long, value_name = "PORT", env = "REDIS_PORT", default_value_t = 6379)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Its password, any characters.
    #[arg(id = "redis-password", long, value_name = "PASSWORD", env = "REDIS_PASSWORD")]
    #[arg(hide_env_values = true)]
    password: Option<Secret>,
    /// Its URL, `redis://[user:password@]host[:port]`. Overrides the three above.
    #[arg(id = "redis-url", long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    url: Option<Secret>,
    /// The NATS servers, `nats://host:4222`, separated by commas. Cannot be combined with Redis.
    #[arg(id = "nats-url", long, value_name = "URLS", env = "NATS_URL", hide_env_values = true)]
    nats: Option<Secret>,
}

impl Servers {
    /// The URL of the Redis server; `None` if none is configured. An empty setting
    /// counts as absent.
    ///
    /// # Errors
    /// [`InvalidHost`].
    pub fn redis(&self) -> Result<Option<Secret>, InvalidHost> {
        if let Some(url) = given(self.url.as_ref()) {
            return Ok(Some(url));
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

    /// The URLs of the NATS servers; `None` if none are configured.
    pub fn nats(&self) -> Option<Secret> {
        given(self.nats.as_ref())
    }
}

fn given(url: Option<&Secret>) -> Option<Secret> {
    let url = url?.reveal().trim();
    (!url.is_empty()).then(|| Secret(url.to_owned()))
}

/// `REDIS_HOST` is neither a name nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("REDIS_HOST must be a name or an address alone; its port goes into REDIS_PORT, a URL into REDIS_URL")]
pub struct InvalidHost;
