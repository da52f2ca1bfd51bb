//! A tab in its own window, so that no tab hides another.

use super::PATIENCE;
use super::chromium::Chromium;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After this time without an answer the page is looked at anew: a navigation may lose a look.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const FIDGETS_EVERY: Duration = Duration::from_millis(500);

/// Helpers of tests in the page: `the(testid)` is an element, `row(list, user)` a row of a list,
/// `users(list)` all users of a list.
const WORDS: &str = r#"
    const the = (testid) => document.querySelector(`[data-testid="${testid}"]`);
    const row = (list, user) => [...the(list).children].find((li) => li.dataset.user === user);
    const users = (list) => [...the(list).children].map((li) => li.dataset.user).join();
"#;

/// The content of a page, for the message of a failed test.
const SHOWN: &str = "`${location}\n${document.body?.innerText}\n${JSON.stringify([document.hidden, globalThis.presence?.self.getSnapshot(), globalThis.view])}`";

pub struct Tab {
    chromium: Arc<Chromium>,
    target: String,
    session: String,
    /// Moves the mouse, as long as it is there.
    hands: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Tab {
    /// Opens this page.
    pub async fn open(url: &str) -> Self {
        let tab = Self::blank().await;
        tab.go(url).await;
        tab
    }

    /// Opens a window that shows nothing yet.
    pub async fn blank() -> Self {
        let chromium = Chromium::shared();
        let page = json!({"url": "about:blank", "newWindow": true});
        let target = text(&chromium.call(None, "Target.createTarget", page).await["targetId"]);
        Self::attach(chromium, target).await
    }

    /// Opens this page without a debugger: Chromium prerenders nothing in a tab that has one.
    pub async fn open_unseen(url: &str) {
        let page = json!({"url": url, "newWindow": true});
        Chromium::shared().call(None, "Target.createTarget", page).await;
    }

    /// Opens this page by a script of this one, which shares its storage of the session with it, as
    /// a duplicate does.
    pub async fn open_by_script(&self, url: &str) -> Self {
        let open = format!("void open({}, '', 'popup')", json!(url));
        let params = json!({"expression": open, "userGesture": true});
        self.call("Runtime.evaluate", params).await;
        loop {
            let targets = self.chromium.call(None, "Target.getTargets", json!({})).await;
            let opened = targets["targetInfos"]
                .as_array()
                .and_then(|all| all.iter().find(|it| it["openerId"] == self.target.as_str()));
            if let Some(opened) = opened {
                return Self::attach(Arc::clone(&self.chromium), text(&opened["targetId"])).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn attach(chromium: Arc<Chromium>, target: String) -> Self {
        let attach = json!({"targetId": target, "flatten": true});
        let session = text(&chromium.call(None, "Target.attachToTarget", attach).await["sessionId"]);
        let tab = Self { chromium, target, session, hands: Mutex::default() };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            tab.call(domain, json!({})).await;
        }
        tab.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": WORDS})).await;
        tab
    }

    /// Shows another page.
    pub async fn go(&self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
    }

    /// Shows the page anew, as its user does, and waits until the new document is there.
    pub async fn reload(&self) {
        // Whether the old document still answers is chance.
        let _ = self.try_eval(PATIENCE, "globalThis.isOld = true; location.reload()").await;
        self.until("!globalThis.isOld").await;
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.chromium.call(Some(&self.session), method, params).await
    }

    /// The value of this expression in the page.
    ///
    /// # Errors
    /// The exception that it throws, or that the page answered nothing, for example since its tab
    /// navigated to another one.
    async fn try_eval(&self, patience: Duration, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let (chromium, session) = (&self.chromium, Some(self.session.as_str()));
        let mut answer = chromium.try_call(patience, session, "Runtime.evaluate", params).await?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(text(&thrown["exception"]["description"])),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    pub async fn eval(&self, expression: &str) -> Value {
        self.try_eval(PATIENCE, expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until this is so in the page.
    pub async fn until(&self, condition: &str) {
        let mut last = Ok(Value::Null);
        let look = async {
            loop {
                last = self.try_eval(LOOK_AGAIN, condition).await;
                if last == Ok(Value::Bool(true)) {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            let shown = self.try_eval(LOOK_AGAIN, SHOWN).await;
            let shown = shown.map_or_else(|error| error, |shown| text(&shown));
            let said = self.complaints();
            panic!("in vain: {condition}\nwhich is {last:?}, in {shown}\n\nand the browser said {said:#?}");
        }
    }

    /// Enters a value and is done with it.
    pub async fn set(&self, testid: &str, value: &str) {
        let (testid, value) = (json!(testid), json!(value));
        self.eval(&format!(
            "the({testid}).value = {value}; the({testid}).dispatchEvent(new Event('change', {{ bubbles: true }}))"
        ))
        .await;
    }

    pub async fn click(&self, testid: &str) {
        self.eval(&format!("the({}).click()", json!(testid))).await;
    }

    /// A hand moves the mouse.
    pub async fn move_mouse(&self) {
        for x in [100, 140] {
            self.call("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": 60})).await;
        }
    }

    /// Its user's hand does not rest, until it does.
    pub fn fidget(&self) {
        let (chromium, session) = (Arc::clone(&self.chromium), self.session.clone());
        let hand = tokio::spawn(async move {
            for x in [100, 140].into_iter().cycle() {
                let moved = json!({"type": "mouseMoved", "x": x, "y": 60});
                // A reload may interrupt a move.
                let _ =
                    chromium.try_call(LOOK_AGAIN, Some(&session), "Input.dispatchMouseEvent", moved).await;
                tokio::time::sleep(FIDGETS_EVERY).await;
            }
        });
        *self.hands.lock() = Some(AbortOnDropHandle::new(hand));
    }

    /// Its user's hand rests.
    pub fn rest(&self) {
        *self.hands.lock() = None;
    }

    /// Its user puts the window out of sight, or back: `minimized`, `normal`.
    pub async fn set_window(&self, state: &str) {
        let window =
            self.chromium.call(None, "Browser.getWindowForTarget", json!({"targetId": self.target})).await;
        let bounds = json!({"windowId": window["windowId"], "bounds": {"windowState": state}});
        self.chromium.call(None, "Browser.setWindowBounds", bounds).await;
    }

    /// Takes its network away, or gives it back.
    pub async fn set_online(&self, is_online: bool) {
        let network =
            json!({"offline": !is_online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.call("Network.enable", json!({})).await;
        self.call("Network.emulateNetworkConditions", network).await;
    }

    /// `frozen`, as a browser does to pages that are hidden for long, or `active`.
    pub async fn set_lifecycle(&self, state: &str) {
        self.call("Page.setWebLifecycleState", json!({"state": state})).await;
    }

    /// Kills the process that draws it.
    pub async fn crash(&self) {
        self.call("Inspector.enable", json!({})).await;
        let (chromium, session) = (Arc::clone(&self.chromium), self.session.clone());
        // It is not answered.
        let _crash = AbortOnDropHandle::new(tokio::spawn(async move {
            chromium.call(Some(&session), "Page.crash", json!({})).await;
        }));
        while !self
            .chromium
            .events(&self.session)
            .iter()
            .any(|event| event["method"] == "Inspector.targetCrashed")
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Its user closes the tab.
    pub async fn close(self) {
        self.rest();
        self.chromium.call(None, "Target.closeTarget", json!({"targetId": self.target})).await;
    }

    /// Errors, warnings and violations of the page's policy that the browser logged since it was
    /// last asked.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.chromium.events(&self.session).iter().filter_map(Complaint::of).collect()
    }
}

/// A line that the browser logged.
#[derive(Debug, PartialEq, Eq)]
pub struct Complaint {
    /// `network`, `security`, `javascript`, `console`…
    pub source: String,
    pub text: String,
}

impl Complaint {
    fn of(event: &Value) -> Option<Self> {
        let params = &event["params"];
        let (source, text) = match event["method"].as_str()? {
            "Log.entryAdded" => {
                let entry = &params["entry"];
                let text = format!("{} {}", text(&entry["text"]), text(&entry["url"]));
                return (entry["level"] != "verbose")
                    .then(|| Self { source: self::text(&entry["source"]), text });
            }
            "Runtime.exceptionThrown" => ("javascript", params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" => ("console", params["args"].to_string()),
            _ => return None,
        };
        Some(Self { source: source.to_owned(), text })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
