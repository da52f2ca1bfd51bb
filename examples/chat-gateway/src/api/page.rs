//! The demo page with two users side by side.

use axum::response::Response;

/// `GET /`.
pub(crate) async fn index() -> Response {
    presence_axum::assets::html(include_str!("../../assets/index.html"))
}
