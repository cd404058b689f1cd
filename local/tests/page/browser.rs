//! A headless Chromium, and what a test does with a page in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::accessibility::GetFullAxTreeParams;
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::input::{DispatchKeyEventParams, DispatchKeyEventType};
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::browser_protocol::page::CaptureScreenshotFormat;
use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::task::JoinHandle;

/// How long a test waits for a condition before it fails.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(3);
/// If this variable is set, a machine without Chromium is a failure.
const REQUIRED: &str = "REQUIRE_BROWSER";
/// The name of a host that is not this machine's, but leads to it: what an attacker does with DNS.
pub(crate) const REBOUND: &str = "rebound.example";
/// The folder for screenshots. None are taken if it is not set.
const SCREENSHOTS: &str = "DMM_SCREENSHOTS";

/// A running browser. It ends when dropped.
pub(crate) struct Chromium {
    browser: Browser,
    handler: JoinHandle<()>,
    _profile: tempfile::TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.handler.abort();
    }
}

impl Chromium {
    /// Starts the browser. Without one, there is nothing to test: prints so, or fails if `REQUIRE_BROWSER` is set.
    pub(crate) async fn start() -> Option<Chromium> {
        let Some(program) = program() else {
            let message = "The page is NOT tested, because Chromium is not installed. Run .ci/browser, or install Debian's package chromium.";
            assert!(std::env::var_os(REQUIRED).is_none(), "{message}");
            // Standard error is captured while a test runs; this is not.
            std::fs::write("/dev/stderr", format!("WARNING: {message}\n")).unwrap();
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(program)
            .user_data_dir(profile.path())
            .new_headless_mode()
            // CI runs as root. The browser opens only pages of this test.
            .no_sandbox()
            .launch_timeout(TIMEOUT)
            .request_timeout(TIMEOUT)
            .viewport(None)
            .window_size(1400, 1000)
            .args([("host-resolver-rules", format!("MAP {REBOUND} 127.0.0.1").as_str())])
            .build()
            .unwrap();
        let (browser, mut handler) = Browser::launch(config).await.unwrap();
        let handler = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Some(Chromium { browser, handler, _profile: profile })
    }

    /// Opens a tab.
    pub(crate) async fn tab(&self, url: &str) -> Tab {
        let page = self.browser.new_page("about:blank").await.unwrap();
        let problems = Arc::default();
        page.enable_log().await.unwrap();
        watch(&page, &problems).await;
        page.goto(url).await.unwrap();
        Tab { page, problems }
    }

    pub(crate) async fn close(mut self) {
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
    }
}

fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.exists()));
    chosen.or(found)
}

type Problems = Arc<Mutex<Vec<String>>>;

/// Records errors of scripts, messages to the console, and what the browser complains about, such as a violated policy.
async fn watch(page: &Page, problems: &Problems) {
    let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
    let mut messages = page.event_listener::<EventConsoleApiCalled>().await.unwrap();
    let mut exceptions = page.event_listener::<EventExceptionThrown>().await.unwrap();
    let of_entries = Arc::clone(problems);
    tokio::spawn(async move {
        while let Some(entry) = entries.next().await {
            of_entries.lock().unwrap().push(format!(
                "{} {}",
                entry.entry.text,
                entry.entry.url.as_deref().unwrap_or_default()
            ));
        }
    });
    let of_messages = Arc::clone(problems);
    tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            of_messages.lock().unwrap().push(format!("console: {:?}", message.args));
        }
    });
    let of_exceptions = Arc::clone(problems);
    tokio::spawn(async move {
        while let Some(exception) = exceptions.next().await {
            of_exceptions.lock().unwrap().push(format!("exception: {:?}", exception.exception_details));
        }
    });
}

/// A tab with a page.
pub(crate) struct Tab {
    page: Page,
    problems: Problems,
}

impl Tab {
    /// What the browser has complained about.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    /// Opens another page in the tab.
    pub(crate) async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The value of an expression or a promise.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let asked =
            EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true);
        let found = self.page.evaluate_expression(asked.build().unwrap()).await;
        let found = found.unwrap_or_else(|error| panic!("{expression}: {error}"));
        found.value().cloned().unwrap_or_default()
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let found =
            self.value(&format!("document.querySelector({})?.innerText ?? ''", Value::from(selector))).await;
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait(&self, expression: &str) {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while self.value(&format!("Boolean({expression})")).await != Value::Bool(true) {
            let shown = self.text("body").await;
            assert!(
                tokio::time::Instant::now() < end,
                "still not true: {expression}\n{:?}\n{shown}",
                self.problems()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the text of an element contains a text.
    pub(crate) async fn wait_for(&self, selector: &str, text: &str) {
        let (selector, text) = (Value::from(selector), Value::from(text));
        self.wait(&format!("document.querySelector({selector})?.innerText.includes({text})")).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.page.find_element(selector).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, None),
            "Enter" => ("Enter", 13, Some("\r")),
            "Escape" => ("Escape", 27, None),
            other => panic!("{other}"),
        };
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::builder()
                .key(key)
                .code(code)
                .windows_virtual_key_code(number)
                .r#type(kind.clone());
            if let (Some(text), DispatchKeyEventType::KeyDown) = (text, kind) {
                event = event.text(text);
            }
            self.page.execute(event.build().unwrap()).await.unwrap();
        }
    }

    /// What has the focus: the accessible name of the element.
    pub(crate) async fn focused(&self) -> String {
        let expression =
            "(({ ariaLabel, innerText, id }) => ariaLabel || innerText || id)(document.activeElement)";
        self.value(expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// Presses Tab until an element with this name has the focus. Returns the names on the way.
    pub(crate) async fn tab_to(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < 400 {
            self.press("Tab").await;
            let focused = self.focused().await;
            names.push(focused.clone());
            if focused == name {
                return names;
            }
        }
        panic!("{name} cannot be reached: {names:?}");
    }

    /// The elements as a screen reader is told about them: role and name.
    pub(crate) async fn accessible(&self) -> Vec<(String, String)> {
        let tree = self.page.execute(GetFullAxTreeParams::default()).await.unwrap();
        let text = |value: &Option<chromiumoxide::cdp::browser_protocol::accessibility::AxValue>| {
            let value = value.as_ref().and_then(|value| value.value.as_ref()?.as_str().map(str::to_owned));
            value.unwrap_or_default()
        };
        tree.nodes
            .iter()
            .filter(|node| !node.ignored)
            .map(|node| (text(&node.role), text(&node.name)))
            .collect()
    }

    /// Shows the page in this color scheme and width.
    pub(crate) async fn look(&self, scheme: &str, width: i64) {
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "no-preference")];
        let features =
            features.map(|(name, value)| MediaFeature { name: name.to_owned(), value: value.to_owned() });
        self.page.emulate_media_features(features.into()).await.unwrap();
        self.page.execute(SetDeviceMetricsOverrideParams::new(width, 1000, 1.0, false)).await.unwrap();
    }

    /// Takes a picture if the person who runs the test wants one.
    pub(crate) async fn picture(&self, name: &str, full_page: bool) {
        let Some(folder) = std::env::var_os(SCREENSHOTS) else { return };
        let params =
            ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).full_page(full_page).build();
        let picture = self.page.screenshot(params).await.unwrap();
        std::fs::write(Path::new(&folder).join(name), picture).unwrap();
    }
}
