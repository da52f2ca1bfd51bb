//! Processes with a low limit of open files.

use axum::Router;
use axum::routing::get;
use presence_axum::Mount;
use presence_axum::serve::{Options, serve};
use presence_core::Presence;
use presence_memory::MemoryStore;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set for the process that serves.
const SERVES: &str = "DESCRIPTORS_TEST_SERVES";
const ADDRESS: &str = "serves on ";
const REQUEST: &str = "HTTP/1.1\r\nhost: test\r\n\r\n";

/// A server in its own process, with a hard limit of 300 open files and a soft limit of 64.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start() -> Self {
        let limited = "ulimit -S -n 64 && ulimit -H -n 300 && exec \"$0\" \"$@\"";
        let mut process = Command::new("sh")
            .args(["-c", limited])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "descriptors::as_a_process_of_its_own", "--nocapture"])
            .env(SERVES, "yes")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once(ADDRESS)?.1.to_owned()));
        Self { process, address: address.expect("it serves") }
    }

    /// Sends a request over a new connection, which stays open.
    fn ask(&self, path: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let answer = ask(&mut stream, path);
        (stream, answer)
    }

    /// Ends it; returns its log.
    fn end(mut self) -> String {
        self.process.kill().unwrap();
        let mut logged = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut logged).unwrap();
        self.process.wait().unwrap();
        logged
    }
}

fn ask(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} {REQUEST}").as_bytes()).unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn is_full(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 503 ") && answer.ends_with(r#"{"ok":false,"error":"full"}"#)
}

#[test]
fn the_soft_limit_is_raised_and_clients_beyond_the_hard_limit_get_503() {
    let served = Served::start();
    let (mut held, mut refused) = (Vec::new(), 0);
    for _ in 0..300 {
        let (stream, answer) = served.ask("/v1/counts");
        if answer.starts_with("HTTP/1.1 200 ") {
            held.push(stream);
        } else {
            assert!(is_full(&answer), "{answer}");
            refused += 1;
        }
    }
    assert!(held.len() > 150 && refused > 50, "{} and {refused}", held.len());
    assert!(ask(&mut held[0], "/v1/counts").starts_with("HTTP/1.1 200 "), "those who are in are served on");
    let logged = served.end();
    assert_eq!(logged.matches("fewer connections than configured").count(), 1, "{logged}");
    assert!(!logged.contains("cannot accept"), "{logged}");
}

#[test]
fn a_process_without_descriptors_refuses_clients_and_logs_it_once() {
    let served = Served::start();
    let (mut first, answer) = served.ask("/exhaust");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for _ in 0..5 {
        let (_, answer) = served.ask("/v1/counts");
        assert!(is_full(&answer), "{answer}");
    }
    assert!(ask(&mut first, "/v1/counts").starts_with("HTTP/1.1 200 "));
    let logged = served.end();
    assert_eq!(logged.matches("cannot accept connections").count(), 1, "{logged}");
}

/// Serves if `SERVES` is set; otherwise does nothing.
#[tokio::test]
async fn as_a_process_of_its_own() {
    if std::env::var_os(SERVES).is_none() {
        return;
    }
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let presence = Presence::builder(MemoryStore::new()).start().unwrap();
    presence.ready().await;
    let app: Router = Mount::new(presence).routes().route("/exhaust", get(|| async { exhaust() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{ADDRESS}{}", listener.local_addr().unwrap());
    serve(listener, app, Options::default(), std::future::pending()).await;
}

/// Opens files until none are left.
fn exhaust() {
    while let Ok(file) = File::open("/dev/null") {
        std::mem::forget(file);
    }
}
