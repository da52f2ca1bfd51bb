//! A minimal client for single requests to a server.

use std::{
    io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

fn connect(port: u16, patience: Duration) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), patience)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

/// The server's greeting: `INFO {..}`.
pub(super) fn greeting(port: u16, patience: Duration) -> Result<String> {
    let mut line = String::new();
    BufReader::new(connect(port, patience)?).read_line(&mut line)?;
    Ok(line)
}

/// The body of the monitoring port's response; an error unless the status is 200.
pub(super) fn get(port: u16, path: &str, patience: Duration) -> Result<String> {
    let mut stream = connect(port, patience)?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(Error::other(answer)),
    }
}

/// Whether a server gives a sign of life on both ports. It need not be healthy: a node of a cluster
/// may wait for others.
pub(super) fn answers(port: u16, monitor: u16, patience: Duration) -> bool {
    let health = get(monitor, "/healthz", patience);
    greeting(port, patience).is_ok_and(|greeting| greeting.starts_with("INFO"))
        && health.map_or_else(|error| error.kind() == ErrorKind::Other, |_| true)
}

/// The reply to one request, including its headers.
pub(super) fn request(port: u16, subject: &str, body: &str, patience: Duration) -> Result<String> {
    let stream = connect(port, patience)?;
    // The inbox is unique, since several clients may send requests at the same time, also to other
    // servers of the cluster.
    let inbox = format!("_INBOX.{}", stream.local_addr()?.port());
    // `headers` is needed, since the server reports missing responders in a header.
    write!(
        &stream,
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true}}\r\n\
         SUB {inbox} 1\r\nPUB {subject} {inbox} {}\r\n{body}\r\n",
        body.len()
    )?;
    let mut replies = BufReader::new(&stream);
    loop {
        let mut line = String::new();
        if replies.read_line(&mut line)? == 0 {
            return Err(Error::other("the server closed the connection"));
        }
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["PING"] => (&stream).write_all(b"PONG\r\n")?,
            ["MSG" | "HMSG", .., length] => {
                let mut reply = vec![0; length.parse().map_err(Error::other)?];
                replies.read_exact(&mut reply)?;
                return String::from_utf8(reply).map_err(Error::other);
            }
            ["-ERR", ..] => return Err(Error::other(line)),
            _ => {}
        }
    }
}
