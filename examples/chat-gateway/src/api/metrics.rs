//! Metrics for Prometheus, under the names of this service.

use axum::response::{IntoResponse, Response};
use http::header;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, describe_counter,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::OnceLock;
use std::time::Duration;

/// `GET /metrics`, in the text format of Prometheus.
pub(crate) async fn prometheus() -> Response {
    let text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    let headers =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text).into_response()
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The library's metrics of sockets: name, label value if any, and the name and help text that this
/// service gives them.
const NAMES: [(&str, Option<&str>, &str, &str); 5] = [
    ("presence_sockets_open", None, "ws_connections_active", "Open WebSocket connections"),
    ("presence_sockets_total", None, "ws_connections_total", "WebSocket connections that were opened"),
    ("presence_socket_frames_total", Some("sent"), "ws_messages_sent_total", "Frames sent to clients"),
    (
        "presence_socket_frames_total",
        Some("received"),
        "ws_messages_received_total",
        "Frames received from clients",
    ),
    ("presence_socket_errors_total", None, "ws_errors_total", "Errors sent to clients"),
];

/// Installs the recorder for `/metrics`: once per process, and before anything is counted.
///
/// # Panics
/// Outside a tokio runtime.
pub fn record() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(Renaming(recorder)).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        describe_counter!("chat_messages_received_total", "Messages of other services, by outcome");
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        handle
    });
}

/// A recorder that renames metrics to the names of this service.
struct Renaming(PrometheusRecorder);

/// The name of a library metric in this service.
fn renamed(key: &Key) -> Option<Key> {
    let label = key.labels().next().map(metrics::Label::value);
    let (.., name, _) = NAMES.iter().find(|(known, of, ..)| *known == key.name() && *of == label)?;
    Some(Key::from_static_name(name))
}

impl Renaming {
    /// Describes a metric under its own name, or under the names that replace it.
    fn describe(
        &self,
        name: &KeyName,
        words: SharedString,
        describe: impl Fn(&PrometheusRecorder, KeyName, SharedString),
    ) {
        let mut own = NAMES.iter().filter(|(known, ..)| *known == name.as_str()).peekable();
        if own.peek().is_none() {
            return describe(&self.0, name.clone(), words);
        }
        for (.., name, words) in own {
            describe(&self.0, KeyName::from(*name), SharedString::from(*words));
        }
    }
}

impl Recorder for Renaming {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, words: SharedString) {
        self.describe(&name, words, |to, name, words| to.describe_counter(name, unit, words));
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, words: SharedString) {
        self.describe(&name, words, |to, name, words| to.describe_gauge(name, unit, words));
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, words: SharedString) {
        self.0.describe_histogram(name, unit, words);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.0.register_counter(renamed(key).as_ref().unwrap_or(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(renamed(key).as_ref().unwrap_or(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.0.register_histogram(key, metadata)
    }
}
