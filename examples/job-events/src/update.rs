//! A job's status, as publishers send it and as viewers get it.

use crate::JobId;
use bytes::Bytes;
use presence_axum::{BodyError, Json, LenientJson};
use presence_core::Timestamp;
use presence_core::broker::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not started.
    Pending,
    /// Running.
    Processing,
    /// Finished successfully; no update follows.
    Completed,
    /// Failed; no update follows.
    Failed,
}

impl Status {
    /// Whether no update follows.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "pending" => Self::Pending,
            "processing" => Self::Processing,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            _ => return None,
        })
    }
}

/// An update whose fields were validated.
#[derive(Debug, Clone)]
pub struct Update {
    job: Option<JobId>,
    status: Status,
    /// The text of a JSON number.
    progress: Box<str>,
    stage: String,
    message: String,
    timestamp: Option<String>,
    /// JSON on one line.
    data: Option<Box<RawValue>>,
}

/// An invalid field, and why it was refused: one entry of `details`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The name of the field.
    pub field: &'static str,
    /// What the field should be.
    pub message: Cow<'static, str>,
}

impl Problem {
    /// A problem with this field.
    pub fn new(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Update {
    /// The maximum size of an update, in bytes.
    pub const MAX_BYTES: usize = LenientJson::MAX_BYTES;
    /// The maximum length of a stage, in bytes.
    pub const MAX_STAGE: usize = 256;
    /// The maximum length of a message, in bytes.
    pub const MAX_MESSAGE: usize = 4_096;

    /// An update that this service makes itself.
    pub fn new(status: Status, progress: u8, stage: &str, message: &str) -> Self {
        Self {
            job: None,
            status,
            progress: progress.to_string().into(),
            stage: stage.to_owned(),
            message: message.to_owned(),
            timestamp: None,
            data: None,
        }
    }

    /// Reads an update. `status` and `progress` are required; without a `timestamp` it gets the
    /// time of its arrival.
    ///
    /// # Errors
    /// Each invalid field with its name.
    pub fn read(body: &LenientJson) -> Result<Self, Vec<Problem>> {
        let names = ["jobId", "status", "progress", "stage", "message", "timestamp", "data"];
        let [job, status, progress, stage, message, timestamp, data] =
            body.fields(names).map_err(bad_body)?;
        let mut problems = Problems::default();
        let update = Self {
            job: problems.take("jobId", job_id(&job)).flatten(),
            status: problems.take("status", status_of(&status)).unwrap_or(Status::Pending),
            progress: problems.take("progress", progress_of(&progress)).unwrap_or_default(),
            stage: problems.take("stage", text(stage, Self::MAX_STAGE)).unwrap_or_default(),
            message: problems.take("message", text(message, Self::MAX_MESSAGE)).unwrap_or_default(),
            timestamp: problems.take("timestamp", timestamp_of(timestamp)).flatten(),
            data: problems.take("data", data_of(data)).flatten(),
        };
        if problems.0.is_empty() { Ok(update) } else { Err(problems.0) }
    }

    /// The job that the update names, if any.
    pub fn job(&self) -> Option<&JobId> {
        self.job.as_ref()
    }

    /// The state of the job.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The JSON that is stored for viewers of `job`, with its keys in the order of the contract.
    /// `now` is used if the update has no time of its own.
    pub fn render(&self, job: &JobId, now: Option<Timestamp>) -> Bytes {
        let progress = RawValue::from_string(self.progress.to_string());
        let progress = progress.unwrap_or_else(|_| RawValue::NULL.to_owned());
        let timestamp = self.timestamp.as_deref().map(Cow::Borrowed);
        let shown = Shown {
            job_id: job.as_str().into(),
            status: self.status,
            progress: &progress,
            stage: self.stage.as_str().into(),
            message: self.message.as_str().into(),
            timestamp: timestamp.or_else(|| now.map(|now| rfc3339(now).into())),
            data: self.data.as_deref(),
        };
        shown.render()
    }
}

/// An update as it is stored and sent to viewers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown<'a> {
    #[serde(borrow)]
    job_id: Cow<'a, str>,
    pub status: Status,
    #[serde(borrow)]
    pub progress: &'a RawValue,
    #[serde(borrow)]
    pub stage: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    /// Missing only in updates that another service published without one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl<'a> Shown<'a> {
    /// Decodes an event. If the update has no time, it gets the time when it was stored.
    pub(crate) fn of(event: &'a Event) -> serde_json::Result<Self> {
        let mut shown: Self = serde_json::from_slice(&event.payload)?;
        shown.timestamp.get_or_insert_with(|| rfc3339(event.at).into());
        Ok(shown)
    }

    fn render(&self) -> Bytes {
        // Strings, numbers and valid JSON can always be serialised.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The data that viewers get of an event: the stored update, usually unchanged.
pub(crate) fn shown(event: &Event) -> Bytes {
    const TIME: &[u8] = br#""timestamp":"#;
    if event.payload.windows(TIME.len()).any(|part| part == TIME) {
        return event.payload.clone();
    }
    Shown::of(event).map_or_else(|_| event.payload.clone(), |shown| shown.render())
}

/// The problems of a body that is not a JSON object.
fn bad_body(bad: BodyError) -> Vec<Problem> {
    vec![Problem::new("body", bad.to_string())]
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn take<T>(&mut self, field: &'static str, read: Read<T>) -> Option<T> {
        read.map_err(|message| self.0.push(Problem::new(field, message))).ok()
    }
}

/// A valid field, or a description of valid ones.
type Read<T> = Result<T, Cow<'static, str>>;

fn job_id(json: &Json<'_>) -> Read<Option<JobId>> {
    match json {
        Json::Null => Ok(None),
        Json::Text(id) => JobId::new(id).map(Some).map_err(|invalid| invalid.to_string().into()),
        _ => Err("must be a string".into()),
    }
}

fn status_of(json: &Json<'_>) -> Read<Status> {
    let status = match json {
        Json::Text(word) => Status::of(word),
        _ => None,
    };
    status.ok_or("must be one of pending, processing, completed, failed".into())
}

fn progress_of(json: &Json<'_>) -> Read<Box<str>> {
    match json {
        Json::Number(number) if number.finite().is_some_and(|value| (0.0..=100.0).contains(&value)) => {
            Ok(number.as_str().into())
        }
        _ => Err("must be a number from 0 to 100".into()),
    }
}

fn text(json: Json<'_>, max: usize) -> Read<String> {
    match json {
        Json::Null => Ok(String::new()),
        Json::Text(text) if text.len() <= max => Ok(text.into_owned()),
        _ => Err(format!("must be a string of at most {max} bytes").into()),
    }
}

fn timestamp_of(json: Json<'_>) -> Read<Option<String>> {
    match json {
        Json::Null => Ok(None),
        Json::Text(text) if OffsetDateTime::parse(&text, &Rfc3339).is_ok() => Ok(Some(text.into_owned())),
        _ => Err("must be a time as RFC 3339 writes it".into()),
    }
}

fn data_of(json: Json<'_>) -> Read<Option<Box<RawValue>>> {
    let text = match json {
        Json::Null => return Ok(None),
        // A line break in JSON is white space: within a string it would be escaped.
        Json::Array(text) | Json::Object(text) => text.replace(['\n', '\r'], " "),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.as_str().to_owned(),
        Json::Text(text) => serde_json::to_string(&text).unwrap_or_default(),
        Json::NoText => return Err("must be JSON".into()),
    };
    RawValue::from_string(text).map(Some).map_err(|_| "must be JSON".into())
}

/// Formats a time in UTC with milliseconds and `Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_secs()).ok();
    let then = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let then = then.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ((year, month, day), (hour, minute, second)) = (then.to_calendar_date(), then.to_hms());
    let (month, millis) = (u8::from(month), at.as_millis() % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests;
