//! Chromium's debugging protocol over a pipe: JSON messages, each ended by a zero byte.

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tokio::sync::oneshot;

/// The size limit of the kept error output of Chromium, in bytes.
const MOST_COMPLAINTS: usize = 16 * 1024;

/// Both ends of the pipe. Threads read it, because a test's runtime ends before the browser does.
pub struct Pipe {
    commands: Mutex<Option<ChildStdin>>,
    last_id: AtomicU64,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    events: HashMap<String, Vec<Value>>,
    /// The browser's standard error output.
    complaints: String,
    ended: bool,
}

impl Pipe {
    pub fn new(commands: ChildStdin, answers: ChildStdout, complaints: ChildStderr) -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let (answered, complained) = (Arc::clone(&received), Arc::clone(&received));
        thread::spawn(move || read(answers, &answered));
        thread::spawn(move || read_complaints(complaints, &complained));
        Self { commands: Mutex::new(Some(commands)), last_id: AtomicU64::new(0), received }
    }

    /// Sends a command and waits for its result.
    ///
    /// # Errors
    /// The browser's response, or an error if it has ended.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let id = 1 + self.last_id.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        {
            let mut received = self.received.lock();
            if received.ended {
                return Err(received.end());
            }
            received.waiting.insert(id, answer);
        }
        // Where this fails, the browser has ended, and the reader learns of it.
        let _ = self.commands.lock().as_mut().map(|pipe| pipe.write_all(format!("{command}\0").as_bytes()));
        let mut answer = answered.await.map_err(|_| self.received.lock().end())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }

    /// The events of a session since it was last asked.
    pub fn events(&self, session: &str) -> Vec<Value> {
        self.received.lock().events.remove(session).unwrap_or_default()
    }

    /// Ends the browser.
    pub fn close(&self) {
        *self.commands.lock() = None;
    }
}

impl Received {
    fn end(&self) -> String {
        format!("Chromium has ended. Its output:\n{}", self.complaints)
    }
}

fn read(answers: ChildStdout, received: &Mutex<Received>) {
    for message in BufReader::new(answers).split(0).map_while(Result::ok) {
        let message: Value = serde_json::from_slice(&message).expect("a message is JSON");
        let mut received = received.lock();
        if let Some(id) = message["id"].as_u64() {
            // A test that was given up no longer waits.
            received.waiting.remove(&id).map(|waiting| waiting.send(message));
        } else if let Some(session) = message["sessionId"].as_str() {
            received.events.entry(session.to_owned()).or_default().push(message);
        }
    }
    let mut received = received.lock();
    received.ended = true;
    received.waiting.clear();
}

fn read_complaints(mut complaints: ChildStderr, received: &Mutex<Received>) {
    let mut some = [0; 4096];
    while let Ok(read @ 1..) = complaints.read(&mut some) {
        let kept = &mut received.lock().complaints;
        if kept.len() < MOST_COMPLAINTS {
            kept.push_str(&String::from_utf8_lossy(&some[..read]));
        }
    }
}
