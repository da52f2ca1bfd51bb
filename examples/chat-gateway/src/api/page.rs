//! The page with two people side by side.

use axum::response::Response;

/// `GET /`.
pub(crate) async fn index() -> Response {
    presence_axum::assets::html(include_str!("../../assets/index.html"))
}
