//! The command-line client.

mod auto;
mod interactive;

pub use auto::auto;
pub use interactive::{HELP, interactive};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error as SocketError, UrlError};
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// The gateway and the user to connect as.
#[derive(Clone)]
pub struct Target {
    /// `ws://host:port/ws`.
    pub url: String,
    /// The token.
    pub token: String,
}

/// Shows the URL, but not the token.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why the client has ended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// 401 or 403 at the handshake, or another response that retrying would not change.
    #[error("refused with {0}")]
    Refused(u16),
    /// Closed with a code that forbids reconnecting: 4401 for an expired token, 4403 for a user who
    /// was disconnected, 1008 for a violated rule, and similar ones.
    #[error("closed with {0}")]
    Closed(u16),
    /// The URL cannot be used.
    #[error("the URL must be like ws://localhost:8006/ws")]
    Url,
    /// The connection failed or was lost.
    #[error("no connection: {0}")]
    Lost(String),
    /// A response was not the expected one.
    #[error("{0}")]
    Failed(String),
}

/// The time limit for a response.
const PATIENCE: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<TcpStream>;

async fn connect(target: &Target) -> Result<Socket, Ended> {
    let mut request = target.url.as_str().into_client_request().map_err(|_| Ended::Url)?;
    let uri = request.uri();
    let (Some("ws"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(Ended::Url) };
    let address = (host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(80));
    let bearer = format!("Bearer {}", target.token).parse().map_err(|_| Ended::Refused(401))?;
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let connecting = async {
        let stream = TcpStream::connect(address).await.map_err(|error| Ended::Lost(error.to_string()))?;
        client_async(request, stream).await.map_err(|error| match error {
            SocketError::Http(answer) if !answer.status().is_server_error() && answer.status() != 429 => {
                Ended::Refused(answer.status().as_u16())
            }
            SocketError::Url(UrlError::UnsupportedUrlScheme) => Ended::Url,
            error => Ended::Lost(error.to_string()),
        })
    };
    let (socket, _) =
        timeout(PATIENCE, connecting).await.map_err(|_| Ended::Lost("timeout".to_owned()))??;
    Ok(socket)
}

/// Receives the next frame.
async fn receive(socket: &mut Socket) -> Result<Value, Ended> {
    loop {
        let message = socket.next().await.ok_or_else(|| Ended::Lost("closed".to_owned()))?;
        match message.map_err(lost)? {
            Message::Text(text) => {
                return serde_json::from_str(&text).map_err(|_| Ended::Failed(format!("no JSON: {text}")));
            }
            Message::Close(frame) => {
                return Err(Ended::Closed(frame.map_or(1005, |frame| frame.code.into())));
            }
            _ => {}
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn lost(error: tungstenite::Error) -> Ended {
    Ended::Lost(error.to_string())
}

async fn send_frame(socket: &mut Socket, frame: &Value) -> Result<(), Ended> {
    socket.send(Message::text(frame.to_string())).await.map_err(lost)
}
