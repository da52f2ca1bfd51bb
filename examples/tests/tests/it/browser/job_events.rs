//! The page of job-events, and the browser's own `EventSource` on its streams.

use super::looks::{assert_fits_a_phone, assert_has_a_dark_look};
use super::tab::Tab;
use crate::job_events::Node;
use std::sync::Arc;
use std::time::Duration;
use test_servers::Proxy;

/// The page of a job, through a network that can be cut.
struct Site {
    node: Node,
    network: Arc<Proxy>,
}

impl Site {
    async fn new() -> Self {
        let node = Node::new().await;
        let network = Arc::new(Proxy::to(node.address.port()));
        Self { node, network }
    }

    fn url(&self, job: &str) -> String {
        let hash = if job.is_empty() { String::new() } else { format!("#job={job}") };
        format!("http://127.0.0.1:{}/{hash}", self.network.port())
    }

    async fn cut(&self) {
        let network = Arc::clone(&self.network);
        tokio::task::spawn_blocking(move || network.cut()).await.unwrap();
    }

    fn restore(&self) {
        self.network.pass();
    }
}

fn shows(status: &str, progress: u8) -> String {
    format!("the('status').textContent === '{status}' && the('progress').value === {progress}")
}

const STREAMS: &str =
    "performance.getEntriesByType('resource').filter((it) => it.name.includes('/events')).length";

#[tokio::test]
async fn a_job_is_created_and_followed_to_its_end() {
    let site = Site::new().await;
    let tab = Tab::open(&site.url("")).await;
    tab.until("the('submit')?.disabled === false").await;
    tab.click("submit").await;
    tab.until(&shows("pending", 0)).await;
    let job = tab.eval("the('id').textContent").await.as_str().unwrap().to_owned();
    site.node.update(&job, "processing", 40).await;
    tab.until(&shows("processing", 40)).await;
    site.node.update(&job, "completed", 100).await;
    tab.until(&shows("completed", 100)).await;
    tab.until("the('connection').textContent === 'finished'").await;
    let stages = tab.eval("[...the('stages').children].map((li) => li.textContent).join()").await;
    assert_eq!(stages, "queued,stage-40,stage-100");
    assert_eq!(tab.complaints(), []);
}

#[tokio::test]
async fn missing_fields_of_a_form_are_reported() {
    let site = Site::new().await;
    let tab = Tab::open(&site.url("")).await;
    tab.until("the('submit')?.disabled === false").await;
    tab.set("topics", " , ").await;
    tab.click("submit").await;
    tab.until("the('problem').textContent.includes('topics must be')").await;
}

#[tokio::test]
async fn two_tabs_and_a_reload_show_the_same() {
    let site = Site::new().await;
    let job = site.node.create().await;
    let (one, two) = (Tab::open(&site.url(&job)).await, Tab::open(&site.url(&job)).await);
    for tab in [&one, &two] {
        tab.until(&shows("pending", 0)).await;
    }
    site.node.update(&job, "processing", 10).await;
    one.until(&shows("processing", 10)).await;
    one.reload().await;
    site.node.update(&job, "processing", 20).await;
    for tab in [&one, &two] {
        tab.until(&shows("processing", 20)).await;
        assert_eq!(tab.complaints(), []);
    }
}

#[tokio::test]
async fn after_an_outage_the_page_is_right_again_by_itself() {
    let site = Site::new().await;
    let job = site.node.create().await;
    let tab = Tab::open(&site.url(&job)).await;
    tab.until(&shows("pending", 0)).await;
    site.cut().await;
    tab.until("the('connection').textContent === 'reconnecting'").await;
    for step in [10, 20, 30] {
        site.node.update(&job, "processing", step).await;
    }
    site.restore();
    tab.until(&shows("processing", 30)).await;
    tab.until("the('connection').textContent === 'live'").await;
    let stages = tab.eval("[...the('stages').children].map((li) => li.textContent).join()").await;
    assert_eq!(stages, "queued,stage-10,stage-20,stage-30", "each once, in order");
}

#[tokio::test]
async fn after_sleep_a_page_opens_its_stream_again() {
    let site = Site::new().await;
    let job = site.node.create().await;
    let tab = Tab::open(&site.url(&job)).await;
    tab.until(&shows("pending", 0)).await;
    // The connection is dead, and neither end was notified.
    site.network.hold_back();
    tab.eval("{ const now = Date.now; Date.now = () => now() + 60_000; }").await;
    tab.until("the('connection').textContent === 'connecting'").await;
    site.node.update(&job, "processing", 50).await;
    site.restore();
    tab.until(&shows("processing", 50)).await;
    let stages = tab.eval("[...the('stages').children].map((li) => li.textContent).join()").await;
    assert_eq!(stages, "queued,stage-50");
}

#[tokio::test]
async fn an_open_event_source_does_not_poll_a_finished_job() {
    let site = Site::new().await;
    let job = site.node.create().await;
    let tab = Tab::open(&site.url("")).await;
    tab.until("the('submit')?.disabled === false").await;
    let source = format!(
        "window.seen = []; window.source = new EventSource('/api/v1/jobs/{job}/events'); \
         source.onmessage = ({{ data }}) => seen.push(JSON.parse(data).status); undefined"
    );
    tab.eval(&source).await;
    tab.until("seen.join() === 'pending'").await;
    site.node.update(&job, "completed", 100).await;
    // It reconnects once, after the delay that the server sent, gets 204, and gives up.
    tab.until("source.readyState === EventSource.CLOSED").await;
    assert_eq!(tab.eval("seen.join()").await, "pending,completed");
    tab.until(&format!("{STREAMS} <= 2")).await;
}

#[tokio::test]
async fn a_page_shows_how_many_watch_its_job_and_is_counted_once() {
    let site = Site::new().await;
    let job = site.node.create().await;
    let one = Tab::open(&site.url(&job)).await;
    let two = Tab::open(&site.url(&job)).await;
    site.node.until_watched_by(&job, 2).await;
    // Counts are sent a moment later, by the clock of the test.
    let goes_on = async {
        loop {
            site.node.advance(Duration::from_millis(250)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let seen = async {
        for tab in [&one, &two] {
            tab.until("the('viewers').textContent === '· 2 watching'").await;
        }
        assert_eq!(site.node.get("/health").await.json()["active_connections"], 2);
        two.close().await;
        one.until("the('viewers').textContent === '· 1 watching'").await;
        // Nobody watches what is over.
        site.node.update(&job, "completed", 100).await;
        one.until("the('connection').textContent === 'finished' && the('viewers').textContent === ''").await;
    };
    tokio::select! {
        () = seen => {}
        () = goes_on => unreachable!(),
    }
    assert_eq!(one.complaints(), []);
}

#[tokio::test]
async fn the_page_is_good_on_a_phone_and_in_the_dark() {
    let site = Site::new().await;
    let job = "x".repeat(256);
    let tab = Tab::open(&site.url(&job)).await;
    site.node.update(&job, "processing", 10).await;
    tab.until(&shows("processing", 10)).await;
    assert_fits_a_phone(&tab).await;
    assert_has_a_dark_look(&tab, "getComputedStyle(the('status')).color").await;
    assert_eq!(tab.complaints(), []);
}
