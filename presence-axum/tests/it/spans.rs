//! What is logged of a request.

use crate::log::Log;
use crate::rig::Rig;

#[tokio::test]
async fn a_span_has_method_and_matched_path_and_nothing_else_of_the_request() {
    let (log, _logs) = Log::everything();
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/users/secret-user?token=secret-token").await.status, 200);
    rig.hits(r#"{"user":"secret-user","meta":{"token":"secret-token"}}"#).await;
    let text = log.text();
    assert!(text.contains(r#"request{method=GET path="/v1/users/{user}"}"#), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
