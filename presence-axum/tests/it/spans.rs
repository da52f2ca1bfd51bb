//! What is logged of a request.

use crate::rig::Rig;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_span_has_method_and_matched_path_and_nothing_else_of_the_request() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(log.clone());
    let _logs = tracing::subscriber::set_default(subscriber.finish());
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/users/secret-user?token=secret-token").await.status, 200);
    rig.hits(r#"{"user":"secret-user","meta":{"token":"secret-token"}}"#).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains(r#"request{method=GET path="/v1/users/{user}"}"#), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
