//! The look of the pages, as far as code can check it.

use super::live::{assert_content, open, site};
use super::tab::Tab;
use serde_json::json;

/// That nothing of the page is beside a window as narrow as a phone.
pub(super) async fn assert_fits_a_phone(tab: &Tab) {
    let narrow = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": false});
    tab.call("Emulation.setDeviceMetricsOverride", narrow).await;
    tab.until("innerWidth === 360").await;
    let (room, taken) = ("document.scrollingElement.clientWidth", "document.scrollingElement.scrollWidth");
    assert_eq!(tab.eval(taken).await, tab.eval(room).await);
}

/// Asserts that this colour changes in dark mode.
pub(super) async fn assert_has_a_dark_look(tab: &Tab, colour: &str) {
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        tab.call("Emulation.setEmulatedMedia", features).await;
        seen.push(tab.eval(colour).await);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_narrow_window_does_not_scroll_sideways() {
    let site = site().await;
    let ada = open(&site, "Ada").await;
    let long = open(&site, &"Supercalifragilistic".repeat(6)).await;
    long.set("message-input", &"expialidocious".repeat(8)).await;
    ada.until("[...document.querySelectorAll('.note')].some((it) => it.textContent.startsWith('expiali'))")
        .await;
    for tab in [&ada, &long] {
        assert_fits_a_phone(tab).await;
    }
    assert_content([&ada, &long]);
}

#[tokio::test]
async fn in_the_dark_the_page_is_dark() {
    let site = site().await;
    let ada = open(&site, "Ada").await;
    assert_has_a_dark_look(&ada, "getComputedStyle(document.body).backgroundColor").await;
    assert_content([&ada]);
}
