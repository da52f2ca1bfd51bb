//! Fetches a key set, with limits on time and size.

use super::keys::Keys;
use reqwest::Client;
use reqwest::redirect::Policy;
use std::time::Duration;

/// The largest response that is accepted, in bytes.
const MOST: usize = 256 * 1024;
/// The time limit for a whole fetch.
const WITHIN: Duration = Duration::from_secs(5);
/// The time limit for connecting.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Makes a client that follows no redirects: keys are only accepted from the configured URL.
pub(super) fn client() -> reqwest::Result<Client> {
    // Fetches are minutes apart, so a pooled connection would be dead.
    Client::builder()
        .timeout(WITHIN)
        .connect_timeout(CONNECT_WITHIN)
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .build()
}

/// Why a fetch failed. It names no URL, since that may hold a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("it cannot be asked")]
    Request(#[source] reqwest::Error),
    #[error("it answers {0}")]
    Status(reqwest::StatusCode),
    #[error("its answer is too large")]
    TooLarge,
    #[error("its answer has no key that signs with RS256 or ES256")]
    NoKeys,
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error.without_url())
    }
}

/// Fetches the keys that are published at `url`.
pub(super) async fn fetch(client: &Client, url: reqwest::Url) -> Result<Keys, Failed> {
    let mut answer = client.get(url).header("accept", "application/json").send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(Failed::Status(answer.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if text.len() + chunk.len() > MOST {
            return Err(Failed::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Keys::read(&text).ok_or(Failed::NoKeys)
}
