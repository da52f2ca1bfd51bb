//! An identity provider on a free port: it publishes keys, signs tokens, and fails on request.

use super::super::forge::base64url;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use presence_axum::serve::{Options, serve};
use serde_json::{Value, json};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A signing key.
pub enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// Its public part.
    pub fn public(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": base64url(n), "e": base64url(e) })
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
                    "x": base64url(&point[1..33]), "y": base64url(&point[33..]) })
            }
        }
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
        }
    }

    /// A token signed by this key.
    pub fn token(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut head = json!({ "alg": self.alg(), "typ": "JWT" });
        if let Some(kid) = kid {
            head["kid"] = json!(kid);
        }
        self.token_with(&head, claims)
    }

    /// A token with this header, signed by this key whatever the header says.
    pub fn token_with(&self, head: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64url(head.to_string()), base64url(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", base64url(signature))
    }
}

/// The response of the provider.
#[derive(Clone)]
pub enum Answer {
    Keys(Vec<Value>),
    Text(String),
    Status(u16),
    Redirect(String),
    /// Headers, but no body.
    Hang,
    /// A body without end.
    Endless,
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<usize>>,
}

pub struct Provider {
    pub address: SocketAddr,
    shared: Shared,
    serves: Option<(DropGuard, JoinHandle<()>)>,
}

impl Provider {
    pub async fn publishing(keys: Vec<Value>) -> Self {
        let shared = Shared { answer: Arc::new(Mutex::new(Answer::Keys(keys))), asked: Arc::default() };
        let mut provider = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), shared, serves: None };
        provider.rise().await;
        provider
    }

    pub fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub fn answers(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// The number of requests it got.
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }

    /// Stops listening.
    pub async fn die(&mut self) {
        let (stop, serving) = self.serves.take().unwrap();
        drop(stop);
        serving.await.unwrap();
    }

    /// Listens again, at the same address.
    pub async fn rise(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(self.shared.clone());
        let stop = CancellationToken::new();
        let options = Options::default().drain_for(Duration::from_millis(1));
        let serving = tokio::spawn(serve(listener, app, options, stop.clone().cancelled_owned()));
        self.serves = Some((stop.drop_guard(), serving));
    }
}

async fn answer(State(shared): State<Shared>) -> Response {
    *shared.asked.lock().unwrap() += 1;
    let answer = shared.answer.lock().unwrap().clone();
    match answer {
        Answer::Keys(keys) => json!({ "keys": keys }).to_string().into_response(),
        Answer::Text(text) => text.into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Answer::Hang => pending().await,
        Answer::Endless => {
            let chunk = || Ok::<_, std::io::Error>(vec![b' '; 16 * 1024]);
            Body::from_stream(futures_util::stream::repeat_with(chunk)).into_response()
        }
    }
}
