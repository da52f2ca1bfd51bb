//! Settings, from flags and environment.

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{ArgAction, Args, Parser};
use presence_axum::Cors;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// A WebSocket gateway for chat: presence, rooms, typing and messages.
#[derive(Debug, Clone, Parser)]
pub struct Settings {
    /// The name of the service in `/health`.
    #[arg(long, env = "SERVICE_NAME", default_value = "presence")]
    pub service_name: String,
    /// The address to listen on.
    #[arg(long, env = "SERVICE_HOST", default_value = "0.0.0.0")]
    pub service_host: IpAddr,
    /// The port to listen on.
    #[arg(long, env = "SERVICE_PORT", default_value_t = 8006)]
    pub service_port: u16,
    /// The log level (error, warn, info, debug, trace), or levels by module.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// The server that instances share.
    #[command(flatten)]
    pub servers: Servers,
    /// How tokens are verified.
    #[command(flatten)]
    pub tokens: Tokens,
    /// The interval of clients' pings, in seconds. A client that sends nothing for twice as
    /// long is disconnected.
    #[arg(long, env = "WS_HEARTBEAT_INTERVAL", value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=3_600))]
    ws_heartbeat_interval: u64,
    /// How long Redis keeps `presence:{user_id}` after its last refresh, in seconds.
    #[arg(long, env = "WS_PRESENCE_TTL", value_name = "SECONDS", default_value_t = 300)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(5..=86_400))]
    ws_presence_ttl: u64,
    /// How long typing is shown unless it is repeated, in seconds.
    #[arg(long, env = "WS_TYPING_TTL", value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..=60))]
    ws_typing_ttl: u64,
    /// The origins whose pages may connect and call, besides the service's own, separated by
    /// commas; `*` for any.
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGINS")]
    #[arg(default_value = "", hide_default_value = true)]
    pub cors_origins: String,
    /// Whether `/presence` can be read without a token.
    #[arg(long, env = "REST_PUBLIC", value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub rest_public: bool,
    /// The number of your own proxies in front.
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NUMBER", default_value_t = 0)]
    pub trusted_proxies: usize,
    /// Issues tokens to anybody, for the page at `/`. Never in production.
    #[arg(long, env = "DEMO", value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub demo: bool,
}

/// Redis or NATS; with neither, this is the only instance.
#[derive(Debug, Clone, Args)]
pub struct Servers {
    /// The Redis server, `redis://[user:password@]host[:port][/database]`.
    #[arg(long, env = "REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<Secret>,
    /// The NATS servers, `nats://host:4222`, separated by commas.
    #[arg(long, env = "NATS_URL", value_name = "URLS", hide_env_values = true)]
    nats_url: Option<Secret>,
}

/// How tokens are verified: with Keycloak, published keys, or a secret.
#[derive(Debug, Clone, Args)]
pub struct Tokens {
    /// The URL of Keycloak.
    #[arg(long, env = "KEYCLOAK_URL", value_name = "URL")]
    keycloak_url: Option<String>,
    /// Its realm.
    #[arg(long, env = "KEYCLOAK_REALM", value_name = "REALM")]
    keycloak_realm: Option<String>,
    /// The client that a token must have been issued to (`azp`) or for (`aud`).
    #[arg(long, env = "KEYCLOAK_CLIENT_ID", value_name = "CLIENT")]
    keycloak_client_id: Option<String>,
    /// The URL of the keys that sign tokens.
    #[arg(long, env = "JWKS_URL", value_name = "URL")]
    jwks_url: Option<String>,
    /// The secret that signs tokens, for development.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    jwt_secret: Option<Secret>,
    /// The required issuer (`iss`). Default: Keycloak's realm under `KEYCLOAK_URL`; without
    /// Keycloak, any.
    #[arg(long, env = "JWT_ISSUER", value_name = "ISSUER")]
    jwt_issuer: Option<String>,
}

impl Settings {
    /// The time without a frame after which a client is disconnected.
    pub fn idle_for(&self) -> Duration {
        Duration::from_secs(2 * self.ws_heartbeat_interval)
    }

    /// How long Redis keeps the key of a user.
    pub fn presence_ttl(&self) -> Duration {
        Duration::from_secs(self.ws_presence_ttl)
    }

    /// How long typing is shown unless it is repeated.
    pub fn typing_ttl(&self) -> Duration {
        Duration::from_secs(self.ws_typing_ttl)
    }

    /// The origins whose pages may connect and call, if any.
    ///
    /// # Errors
    /// A message about `CORS_ORIGINS`.
    pub fn cors(&self) -> Result<Option<Cors>, String> {
        if self.cors_origins.trim().is_empty() {
            return Ok(None);
        }
        self.cors_origins.parse().map(Some).map_err(|invalid| format!("CORS_ORIGINS: {invalid}"))
    }
}

impl Servers {
    /// The URL of Redis.
    pub fn redis(&self) -> Option<&str> {
        set(self.redis_url.as_ref().map(|url| url.0.as_str()))
    }

    /// The URLs of NATS.
    pub fn nats(&self) -> Option<&str> {
        set(self.nats_url.as_ref().map(|url| url.0.as_str()))
    }
}

impl Tokens {
    /// The URL of Keycloak.
    pub fn keycloak_url(&self) -> Option<&str> {
        set(self.keycloak_url.as_deref())
    }

    /// Keycloak's realm.
    pub fn keycloak_realm(&self) -> Option<&str> {
        set(self.keycloak_realm.as_deref())
    }

    /// The required client of tokens.
    pub fn client(&self) -> Option<&str> {
        set(self.keycloak_client_id.as_deref())
    }

    /// The URL of the keys.
    pub fn jwks_url(&self) -> Option<&str> {
        set(self.jwks_url.as_deref())
    }

    /// The secret.
    pub fn secret(&self) -> Option<&str> {
        set(self.jwt_secret.as_ref().map(|secret| secret.0.as_str()))
    }

    /// The required issuer.
    pub fn issuer(&self) -> Option<&str> {
        set(self.jwt_issuer.as_deref())
    }
}

/// Treats a blank setting as absent.
fn set(setting: Option<&str>) -> Option<&str> {
    setting.map(str::trim).filter(|text| !text.is_empty())
}

/// A secret text, or a URL that may contain a password: neither `--help` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
