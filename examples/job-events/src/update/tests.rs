use super::shown as shown_of;
use super::*;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_secs(1_710_000_000);

fn read(text: &'static str) -> Result<Update, Vec<&'static str>> {
    let read = Update::read(&LenientJson::from(text.as_bytes()));
    read.map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
}

fn shown(text: &'static str) -> String {
    let job = JobId::new("j").unwrap();
    let update = read(text).unwrap();
    String::from_utf8(update.render(&job, Some(START)).to_vec()).unwrap()
}

#[test]
fn an_update_is_shown_with_its_keys_in_the_order_of_the_contract() {
    assert_eq!(
        shown(
            r#"{"timestamp":"2026-01-02T03:04:05Z","data":{"b":1, "a":[1.50]},"message":"m","stage":"s","progress":33.50,
               "status":"processing","jobId":"other","more":1}"#
        ),
        r#"{"jobId":"j","status":"processing","progress":33.50,"stage":"s","message":"m","timestamp":"2026-01-02T03:04:05Z","data":{"b":1, "a":[1.50]}}"#
    );
}

#[test]
fn missing_fields_are_empty_and_the_time_is_now() {
    assert_eq!(
        shown(r#"{"status":"pending","progress":0}"#),
        r#"{"jobId":"j","status":"pending","progress":0,"stage":"","message":"","timestamp":"2024-03-09T16:00:00.000Z"}"#
    );
}

#[test]
fn each_field_that_is_wrong_is_named() {
    for (text, fields) in [
        (r#"{"status":"done","progress":1}"#, &["status"][..]),
        (r#"{"status":"Completed","progress":1}"#, &["status"]),
        (r#"{"progress":1}"#, &["status"]),
        (r#"{"status":7,"progress":1}"#, &["status"]),
        (r#"{"status":"pending"}"#, &["progress"]),
        (r#"{"status":"pending","progress":100.5}"#, &["progress"]),
        (r#"{"status":"pending","progress":-1}"#, &["progress"]),
        (r#"{"status":"pending","progress":1e999}"#, &["progress"]),
        (r#"{"status":"pending","progress":"50"}"#, &["progress"]),
        (r#"{"status":"pending","progress":1,"stage":7}"#, &["stage"]),
        (r#"{"status":"pending","progress":1,"message":[]}"#, &["message"]),
        (r#"{"status":"pending","progress":1,"message":"\ud800"}"#, &["message"]),
        (r#"{"status":"pending","progress":1,"timestamp":"yesterday"}"#, &["timestamp"]),
        (r#"{"status":"pending","progress":1,"timestamp":1710000000}"#, &["timestamp"]),
        (r#"{"status":"pending","progress":1,"data":"\ud800"}"#, &["data"]),
        (r#"{"status":"pending","progress":1,"jobId":""}"#, &["jobId"]),
        (r#"{"status":"pending","progress":1,"jobId":7}"#, &["jobId"]),
        (r#"{"status":"x","progress":-5,"stage":1}"#, &["status", "progress", "stage"]),
        ("[]", &["body"]),
        ("", &["body"]),
        ("{", &["body"]),
    ] {
        assert_eq!(read(text).unwrap_err(), fields, "{text}");
    }
}

#[test]
fn texts_have_bounds() {
    let with = |field: &str, bytes: usize| {
        let text = format!(r#"{{"status":"pending","progress":1,"{field}":"{}"}}"#, "x".repeat(bytes));
        Update::read(&LenientJson::from(Bytes::from(text)))
    };
    for (field, most) in
        [("stage", Update::MAX_STAGE), ("message", Update::MAX_MESSAGE), ("jobId", JobId::MAX_BYTES)]
    {
        assert!(with(field, most).is_ok(), "{field}");
        assert_eq!(with(field, most + 1).unwrap_err()[0].field, field);
    }
}

#[test]
fn data_of_several_lines_is_shown_on_one() {
    let text = shown("{\"status\":\"pending\",\"progress\":1,\"data\":{\r\n\"a\":\n\"x\\ny\"}}");
    assert!(!text.contains(['\n', '\r']), "{text}");
    assert!(text.contains(r#""x\ny""#), "{text}");
}

proptest! {
    #[test]
    fn an_update_is_shown_as_it_was_sent(
        message in "\\PC{0,40}", stage in ".{0,20}", progress in 0..=100u8, data in any::<Option<(i64, String)>>(),
    ) {
        let text = serde_json::json!({"status": "processing", "progress": progress, "stage": stage,
            "message": message, "timestamp": "2026-01-02T03:04:05.5+02:00", "data": data});
        let update = Update::read(&LenientJson::from(Bytes::from(text.to_string()))).unwrap();
        let shown = update.render(&JobId::new("j").unwrap(), None);
        let mut shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
        prop_assert_eq!(shown["jobId"].take(), "j");
        shown.as_object_mut().unwrap().remove("jobId");
        shown.as_object_mut().unwrap().entry("data").or_insert(serde_json::Value::Null);
        prop_assert_eq!(shown, text);
    }
}

#[test]
fn an_event_without_a_time_is_shown_with_that_at_which_it_was_stored() {
    let stored = |text: &'static str| {
        let job = JobId::new("j").unwrap();
        let id = presence_core::broker::EventId { incarnation: 1, number: 1 };
        let event = Event::new(id, job.updates().unwrap(), read(text).unwrap().render(&job, None), START);
        String::from_utf8(shown_of(&event).to_vec()).unwrap()
    };
    assert_eq!(
        stored(r#"{"status":"pending","progress":1,"data":{"b":1,"a":2.50}}"#),
        r#"{"jobId":"j","status":"pending","progress":1,"stage":"","message":"","timestamp":"2024-03-09T16:00:00.000Z","data":{"b":1,"a":2.50}}"#
    );
    let text = stored(r#"{"status":"pending","progress":1,"timestamp":"2026-01-02T03:04:05Z"}"#);
    assert!(text.contains(r#""timestamp":"2026-01-02T03:04:05Z""#), "{text}");
}
