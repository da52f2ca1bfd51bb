//! Metrics for Prometheus.

use crate::{JobId, Service};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use metrics::{counter, describe_counter};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::fmt::Write;
use std::sync::OnceLock;
use std::time::Duration;

/// The number of jobs with a metric of their own: those with the most viewers.
const JOBS: usize = 20;

/// Counts one update from `source` by its outcome.
pub(crate) fn count(source: &'static str, outcome: &'static str) {
    counter!("job_events_updates_total", "source" => source, "outcome" => outcome).increment(1);
}

/// `GET /metrics`, in the text format of Prometheus.
pub(crate) async fn prometheus(State(service): State<Service>) -> Response {
    let mut text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    viewers(&service, &mut text);
    let headers =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, text).into_response()
}

/// The viewers on all instances, of the jobs with the most. Written here instead of recorded,
/// because the recorder never drops a label, and jobs come and go.
fn viewers(service: &Service, text: &mut String) {
    *text += "# HELP job_events_viewers Viewers on all instances, for the jobs with the most viewers\n\
              # TYPE job_events_viewers gauge\n";
    for (topic, counts) in service.presence.topics(JOBS) {
        let job = topic.as_str().strip_prefix(JobId::TOPIC).unwrap_or_default();
        let job = job.replace('\\', "\\\\").replace('"', "\\\"");
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "job_events_viewers{{job=\"{job}\"}} {}", counts.online);
    }
    let all = service.presence.everyone().counts().online;
    *text += "# HELP job_events_viewers_all Viewers on all instances, of all jobs\n\
              # TYPE job_events_viewers_all gauge\n";
    let _ = writeln!(text, "job_events_viewers_all {all}");
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder for `/metrics`: once per process, and before anything is counted.
///
/// # Panics
/// Outside a tokio runtime.
pub fn record() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays almost empty");
        }
        describe_counter!("job_events_updates_total", "Updates by source and outcome");
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
