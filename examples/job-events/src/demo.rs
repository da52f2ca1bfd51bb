//! A worker that only publishes progress (`--demo`).

use crate::{JobId, Jobs, Status, Update, count};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Drives jobs through their stages. Cheap to clone.
#[derive(Clone)]
pub struct Demo {
    jobs: Jobs,
    at_once: Arc<Semaphore>,
    step: Duration,
}

/// The number of jobs that it drives at a time; further jobs are ignored.
const AT_ONCE: usize = 1_000;

/// The stages of a job, with its progress at each.
const STAGES: [(&str, &str, u8); 6] = [
    ("retrieving-content", "Retrieving articles", 15),
    ("retrieving-content", "Retrieved 12 articles", 30),
    ("processing-articles", "Processing articles", 50),
    ("generating-summary", "Writing the summary", 70),
    ("generating-audio", "Recording the episode", 90),
    ("done", "The episode is ready", 100),
];

impl Demo {
    /// A worker for these jobs, which spends `step` on each stage.
    pub fn new(jobs: Jobs, step: Duration) -> Self {
        Self { jobs, at_once: Arc::new(Semaphore::new(AT_ONCE)), step }
    }

    /// Drives a job, in the background.
    pub fn drive(&self, job: JobId) {
        let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() else { return };
        let demo = self.clone();
        tokio::spawn(async move {
            for (stage, message, progress) in STAGES {
                tokio::time::sleep(demo.step).await;
                let status = if progress == 100 { Status::Completed } else { Status::Processing };
                let update = Update::new(status, progress, stage, message);
                match demo.jobs.publish(&job, &update, None).await {
                    Ok(_) => count("demo", "stored"),
                    Err(error) => {
                        count("demo", "unavailable");
                        tracing::warn!(%error, "the demo could not publish its progress");
                    }
                }
            }
            drop(permit);
        });
    }
}
