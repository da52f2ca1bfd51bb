//! The table of routes and frames is right: with a full store, no response exceeds the size
//! in its row.

mod frames;
mod full;
mod routes;

use presence_axum::Route;

const TABLE: &str = include_str!("../../../docs/bounds.md");

/// The largest response, in bytes, that the row of a route or a frame allows.
fn allowed(name: &str) -> usize {
    let row = TABLE.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
    let row = row.unwrap_or_else(|| panic!("no row for {name} in docs/bounds.md"));
    let cell = row.split('|').nth(3).unwrap().trim();
    let (number, unit) = cell.split_once(' ').unwrap();
    let unit = match unit {
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        other => panic!("{name}: no unit is called {other}"),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few digits")]
    let bytes = (number.parse::<f64>().unwrap() * unit) as usize;
    bytes
}

/// Asserts that a measured response is within its row, and that the row is not far too large.
fn measured(name: &str, bytes: usize) {
    let allowed = allowed(name);
    println!("{name}: {bytes} of {allowed}");
    assert!(bytes <= allowed, "{name}: {bytes} bytes, {allowed} are allowed");
    if allowed >= 1024 * 1024 {
        assert!(bytes * 2 >= allowed, "{name}: the row is a guess, {bytes} of {allowed}");
    }
}

#[test]
fn every_route_has_a_row() {
    for route in Route::ALL {
        let path = route.path();
        let methods = match route {
            Route::Hit | Route::Disconnect => &["POST"][..],
            Route::Stream => &["GET", "POST"],
            _ => &["GET"],
        };
        for method in methods {
            assert!(allowed(&format!("{method} {path}")) > 0);
        }
    }
    let rows = TABLE.lines().filter(|line| line.starts_with("| `GET ") || line.starts_with("| `POST "));
    assert_eq!(rows.count(), Route::ALL.len() + 1, "a row is of no route");
}
