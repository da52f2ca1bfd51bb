//! `docs/authentication.md`.

use crate::client::{Reply, send};
use crate::rig::Rig;
use cookbook::authentication::app;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

const SECRET: &str = "a secret of thirty-two bytes, at least";

fn token(more: &Value) -> String {
    let mut claims = json!({ "iss": "https://id.example", "aud": "presence", "exp": 4_000_000_000_u64 });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn hit(rig: &Rig, token: &str, body: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    send(rig.address, "POST", "/presence/v1/hit", &[("authorization", &bearer)], body.to_owned()).await
}

#[tokio::test]
async fn a_token_identifies_the_caller_and_the_hook_grants_rights() {
    let rig = Rig::serving(|presence| app(presence, SECRET)).await;
    assert_eq!(rig.post("/presence/v1/hit", r#"{"user":"ada","kind":"enter"}"#).await.status, 401);
    let ada = token(&json!({ "sub": "ada" }));
    assert_eq!(hit(&rig, &ada, r#"{"kind":"enter","topics":["lobby"]}"#).await.json()["user"], "ada");
    assert_eq!(hit(&rig, &ada, r#"{"user":"bob"}"#).await.status, 403, "nobody speaks for somebody else");
    assert_eq!(hit(&rig, &ada, r#"{"kind":"enter","topics":["staff/1"]}"#).await.status, 403);
    let staff = token(&json!({ "sub": "sue", "staff": true }));
    assert_eq!(hit(&rig, &staff, r#"{"kind":"enter","topics":["staff/1"]}"#).await.status, 200);
    let admin = token(&json!({ "sub": "root", "admin": true }));
    assert_eq!(hit(&rig, &admin, r#"{"user":"ada","kind":"leave","now":true}"#).await.status, 200);
    assert_eq!(rig.presence.everyone().counts().online, 1, "sue");
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let rig = Rig::serving(|presence| app(presence, SECRET)).await;
    for wrong in [json!({ "aud": "other" }), json!({ "iss": "https://evil.example" }), json!({ "exp": 1 })] {
        let mut claims = json!({ "sub": "ada" });
        claims.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(hit(&rig, &token(&claims), r#"{"kind":"enter"}"#).await.status, 401, "{wrong}");
    }
}
