//! A client that gives access to the raw response.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a test waits before it fails: a hang must not block the run.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it comes within 20 s")
}

/// A complete response.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Status and text together, for one assertion.
    pub fn status_and_text(&self) -> (u16, &str) {
        (self.status, &self.text)
    }
}

/// The head of a response, whose body may never end.
pub async fn answer(to: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    soon(sender.send_request(request)).await.unwrap()
}

pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// Sends a request on a new connection.
pub async fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Reply {
    let (head, body) = answer(to, request(method, path, headers, body)).await.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    Reply { status: head.status.as_u16(), headers: head.headers, text }
}

/// An open stream of events. Dropping it disconnects.
pub struct Events {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    read: Vec<u8>,
}

pub async fn events(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Events {
    events_of(to, "GET", path, headers, "").await
}

/// The stream in response to a request with a body.
pub async fn events_of(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Events {
    let (head, body) = answer(to, request(method, path, headers, body)).await.into_parts();
    Events { status: head.status.as_u16(), headers: head.headers, body, read: Vec::new() }
}

impl Events {
    /// The next event or comment, without the empty line after it; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8(self.read[..end].to_vec()).unwrap();
                self.read.drain(..end + 2);
                return Some(event);
            }
            let frame = soon(self.body.frame()).await?.unwrap();
            self.read.extend_from_slice(frame.data_ref().unwrap());
        }
    }

    /// The next event; panics if there is none.
    pub async fn event(&mut self) -> String {
        self.next().await.expect("the stream goes on")
    }

    /// The data of the next event.
    pub async fn data(&mut self) -> Value {
        let event = self.event().await;
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        serde_json::from_str(data.unwrap_or_else(|| panic!("no data: {event}"))).unwrap()
    }
}
