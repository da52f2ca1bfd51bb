//! The demo: two users side by side, and the buttons for the other one's page.

use super::bare::encoded;
use super::live::{assert_content, shows, site};
use super::site::Site;
use super::tab::Tab;
use serde_json::json;
use test_servers::Proxy;

/// The document of the frame with the other user's page.
const THERE: &str = "document.querySelector('#guest-place iframe')?.contentDocument";

/// The page as a stranger opens it, and the name that it gave them.
async fn first_sight(site: &Site) -> (Tab, String) {
    let tab = Tab::open(&site.url("/")).await;
    tab.until("the('view-state').dataset.state === 'live'").await;
    let name = tab.eval("the('me').textContent").await.as_str().unwrap().to_owned();
    tab.until(&format!("{} && {}", shows("active-list", &name), shows("active-list", "Grace"))).await;
    tab.fidget();
    (tab, name)
}

fn act(kind: &str) -> String {
    format!("document.querySelector('[data-act={kind}]').click()")
}

/// That the frame shows this, as `document`.
fn there(condition: &str) -> String {
    format!("((document) => Boolean(document && {condition}))({THERE})")
}

const THEIR_STATE: &str = "document.getElementById('view-state')?.dataset.state";

#[tokio::test]
async fn two_people_are_side_by_side_and_each_sees_the_other() {
    let site = site().await;
    let (tab, name) = first_sight(&site).await;
    let listed = format!("document.querySelector('#active-list [data-user={}]')", json!(name));
    tab.until(&there(&listed)).await;
    assert_eq!(tab.eval("the('tabs').textContent").await, "1");
    let link = "document.querySelector('.tagline a').href";
    assert!(tab.eval(link).await.as_str().unwrap().starts_with("https://"));
    assert_content([&tab]);
}

#[tokio::test]
async fn actions_on_the_other_page_are_seen_in_ones_own() {
    let site = site().await;
    let (tab, _) = first_sight(&site).await;
    tab.eval(&act("reload")).await;
    tab.until(&there(&format!("{THEIR_STATE} === 'live'"))).await;
    tab.eval(&act("rest")).await;
    tab.until(&shows("idle-list", "Grace")).await;
    assert_eq!(tab.eval("users('left-list')").await, "", "nobody has gone yet");

    tab.eval(&act("close")).await;
    tab.until(&shows("left-list", "Grace")).await;
    assert!(tab.eval("row('left-list', 'Grace').innerText").await.as_str().unwrap().contains("left, "));
    tab.eval("document.querySelector('.gone-frame button').click()").await;
    // Within a minute it is the same session, whose user has not touched anything since.
    tab.until(&shows("idle-list", "Grace")).await;
    assert_content([&tab]);
}

#[tokio::test]
async fn a_reload_of_both_pages_keeps_the_session_of_each() {
    let site = site().await;
    let (tab, _) = first_sight(&site).await;
    let sessions = "[presence.session, document.querySelector('#guest-place iframe').contentWindow.presence.session].join()";
    let before = tab.eval(sessions).await;
    tab.reload().await;
    tab.until("the('view-state').dataset.state === 'live'").await;
    tab.until(&there(&format!("{THEIR_STATE} === 'live'"))).await;
    assert_eq!(tab.eval(sessions).await, before);
    assert_eq!(tab.eval("users('left-list')").await, "");
}

#[tokio::test]
async fn the_other_page_without_a_network_is_gone_after_its_lease_and_comes_back() {
    let site = site().await;
    let (tab, _) = first_sight(&site).await;
    for kind in ["offline", "freeze"] {
        tab.eval(&act(kind)).await;
        if kind == "offline" {
            tab.until(&there(&format!("{THEIR_STATE} === 'retrying'"))).await;
        }
        tab.until(&shows("left-list", "Grace")).await;
        let word = tab.eval("row('left-list', 'Grace').innerText").await;
        assert!(word.as_str().unwrap().contains("no more heartbeats"), "{word}");
        tab.eval(&act(kind)).await;
        tab.until(&there(&format!("{THEIR_STATE} === 'live'"))).await;
        tab.until("Boolean(row('active-list', 'Grace') || row('idle-list', 'Grace'))").await;
    }
    tab.eval(&act("kill")).await;
    tab.until(&shows("left-list", "Grace")).await;
}

#[tokio::test]
async fn names_of_every_kind_are_shown_as_they_are() {
    let site = site().await;
    let names =
        ["\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{1f469}\u{200d}\u{1f680} \u{1f680}", "<b>x</b>", "o'Neil"];
    let mut tabs = Vec::new();
    for name in names {
        let tab = Tab::open(&site.url(&format!("/?name={}", encoded(name)))).await;
        tab.until(&format!("the('me').textContent === {}", json!(name))).await;
        tabs.push(tab);
    }
    let row = |name: &str| {
        format!(
            "[...the('active-list').children, ...the('idle-list').children].find((li) => li.dataset.user === {})",
            json!(name)
        )
    };
    for tab in &tabs {
        for name in names {
            let shown = format!("{}?.querySelector('bdi').textContent === {}", row(name), json!(name));
            tab.until(&shown).await;
        }
    }
    // A picture that is made of several characters is one.
    let face = format!("{}.querySelector('.face').textContent", row(names[1]));
    assert_eq!(tabs[0].eval(&face).await, "\u{1f469}\u{200d}\u{1f680}\u{1f680}");
    // A name of spaces counts as no name.
    let nameless = Tab::open(&site.url("/?name=%20%20")).await;
    nameless.until("the('me').textContent.trim().length > 3").await;
    nameless.set("name-input", "   ").await;
    nameless.eval("the('name-input').form.requestSubmit()").await;
    assert!(nameless.eval("the('me').textContent.trim().length > 3").await.as_bool().unwrap());
    assert_content(&tabs);
}

#[tokio::test]
async fn of_two_hundred_users_only_the_visible_rows_are_rendered() {
    let site = site().await;
    let (tab, _) = first_sight(&site).await;
    tab.click("crowd").await;
    tab.until("Number(the('count-active').textContent) + Number(the('count-idle').textContent) > 200").await;
    let list = "the('active-list')";
    assert!(tab.eval(&format!("{list}.children.length")).await.as_u64().unwrap() <= 12);
    let first = tab.eval(&format!("{list}.children[0].dataset.user")).await;
    tab.eval(&format!("{list}.parentElement.scrollTo(0, 44 * 60)")).await;
    tab.until(&format!("{list}.children.length > 0 && {list}.children[0].dataset.user !== {first}")).await;
    assert!(tab.eval(&format!("{list}.children.length")).await.as_u64().unwrap() <= 12);
    assert_content([&tab]);
}

#[tokio::test]
async fn on_a_phone_the_people_come_first() {
    let site = site().await;
    let (tab, _) = first_sight(&site).await;
    let phone = json!({"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": true});
    tab.call("Emulation.setDeviceMetricsOverride", phone).await;
    tab.until("innerWidth === 390").await;
    let top = async |what: &str| {
        tab.eval(&format!("{what}.getBoundingClientRect().top + scrollY")).await.as_f64().unwrap()
    };
    let people = top("row('active-list', 'Grace')").await;
    assert!(people < 844.0, "{people}");
    for later in ["document.getElementById('guest-acts')", "document.querySelector('figure')"] {
        assert!(people < top(later).await);
    }
    assert_eq!(tab.eval("document.scrollingElement.scrollWidth").await, 390);
}

#[tokio::test]
async fn while_the_server_is_paused_the_page_does_not_look_healthy() {
    let site = site().await;
    let path = Proxy::to(site.port());
    let tab = Tab::open(&format!("http://127.0.0.1:{}/", path.port())).await;
    tab.fidget();
    tab.until("the('view-state').dataset.state === 'live' && the('connection').dataset.state === 'live'")
        .await;
    path.hold_back();
    let is_honest = "!['live', 'connecting'].includes(the('view-state').dataset.state) && the('connection').dataset.state !== 'live'";
    tab.until(is_honest).await;
    assert_eq!(tab.eval("document.getElementById('notice').hidden").await, false);
    // The chart has a gap: nothing is known of these seconds.
    tab.until("!document.getElementById('chart-active').getAttribute('d').includes('L120,')").await;
    path.pass();
    tab.until("the('view-state').dataset.state === 'live' && the('connection').dataset.state === 'live'")
        .await;
    assert_eq!(tab.eval("document.getElementById('notice').hidden").await, true);
}
