//! A client that tolerates failures: a missing response is `None`.

use super::PATIENCE;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use presence_core::broker::EventId;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn answer(to: SocketAddr, request: Request<Full<Bytes>>) -> Option<Response<Incoming>> {
    let stream = TcpStream::connect(to).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    timeout(PATIENCE, sender.send_request(request)).await.ok()?.ok()
}

/// The status that a post is answered with.
pub async fn post(to: SocketAddr, path: &str, key: &str, body: String) -> Option<u16> {
    let request = Request::post(path).header("host", "test").header("idempotency-key", key);
    Some(answer(to, request.body(Full::new(body.into())).unwrap()).await?.status().as_u16())
}

/// A stream of events, while it lasts.
pub struct Stream {
    body: Incoming,
    read: Vec<u8>,
}

impl Stream {
    pub async fn open(to: SocketAddr, path: &str, last_event_id: Option<EventId>) -> Option<Self> {
        let mut request = Request::get(path).header("host", "test");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let answer = answer(to, request.body(Full::default()).unwrap()).await?;
        (answer.status() == 200).then(|| Self { body: answer.into_body(), read: Vec::new() })
    }

    /// The next event's id and data; `None` at the end of the stream, for whatever reason.
    pub async fn next(&mut self) -> Option<(EventId, String)> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
                let frame = String::from_utf8(frame).unwrap();
                let Some((id, data)) = frame.split_once('\n') else { continue };
                let (id, data) = (id.strip_prefix("id: ").unwrap(), data.strip_prefix("data: ").unwrap());
                return Some((id.parse().unwrap(), data.to_owned()));
            }
            let frame = self.body.frame().await?.ok()?;
            self.read.extend_from_slice(frame.data_ref()?);
        }
    }
}
