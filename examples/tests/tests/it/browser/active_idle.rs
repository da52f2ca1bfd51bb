//! The page of active-idle.

use super::site::Site;
use super::tab::Tab;
use active_idle::{app, policy};

#[tokio::test]
async fn a_user_who_opens_the_page_is_active() {
    let site =
        Site::serving(policy(), |presence| app(presence, "https://app.example".parse().unwrap(), 1 << 20))
            .await;
    let tab = Tab::open(&site.url("/")).await;
    tab.until("users('active-list') === the('me').textContent && the('me').textContent.length > 20").await;
    tab.until("the('count-active').textContent === '1' && the('count-online').textContent === '1'").await;
    tab.until("the('view-state').dataset.state === 'fresh'").await;

    let ada = Tab::open(&site.url("/?name=Ada")).await;
    ada.until("Boolean(row('active-list', 'Ada'))").await;
    tab.until("Boolean(row('active-list', 'Ada')) && the('count-active').textContent === '2'").await;
    for tab in [tab, ada] {
        assert_eq!(tab.complaints(), []);
    }
}
