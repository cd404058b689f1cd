//! A headless Chromium, and what a test does with a page in it: over [WebDriver](https://www.w3.org/TR/webdriver2/), and with the
//! commands of Chromium's developer tools that `ChromeDriver` passes on.
//!
//! The protocol is a few requests in JSON. A crate for it would have Cargo compile the AWS SDK once more, with other features of the
//! crates that both use, or compile for minutes itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a test waits for a condition before it fails.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(3);
/// If this variable is set, a machine without Chromium is a failure.
const REQUIRED: &str = "REQUIRE_BROWSER";
/// The name of a host that is not this machine's, but leads to it: what an attacker does with DNS.
pub(crate) const REBOUND: &str = "rebound.example";
/// The folder for screenshots. None are taken if it is not set.
const SCREENSHOTS: &str = "DMM_SCREENSHOTS";

/// The member with which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser with one tab. It ends when dropped.
pub(crate) struct Chromium {
    http: Client,
    /// The URL of the session.
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

/// A key on the keyboard, with its code in `WebDriver`.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Tab = 0xE004,
    Enter = 0xE007,
    Escape = 0xE00C,
}

/// Sends a command, and returns what the driver answers.
async fn send(http: &Client, url: &str, body: &Value) -> Result<Value, String> {
    let answer = http.post(url).json(body).send().await.unwrap();
    let is_fine = answer.status().is_success();
    let answer: Value = answer.json().await.unwrap();
    if is_fine { Ok(answer["value"].clone()) } else { Err(answer.to_string()) }
}

impl Chromium {
    /// Starts the browser. Without one, there is nothing to test: prints so, or fails if `REQUIRE_BROWSER` is set.
    pub(crate) async fn start() -> Option<Chromium> {
        let (Some(driver), Some(program)) =
            (program("chromedriver"), program("chromium").or_else(|| program("google-chrome")))
        else {
            let message = "The page is NOT tested, because Chromium or ChromeDriver is not installed. Run .ci/browser, which installs \
                           Debian's packages.";
            assert!(std::env::var_os(REQUIRED).is_none(), "{message}");
            // Not captured, unlike what a test prints.
            std::fs::write("/dev/stderr", format!("WARNING: {message}\n")).unwrap();
            return None;
        };
        let (driver, port) = start_driver(&driver).await;
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            // CI runs as root. The browser opens only pages of this test.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--window-size=1400,1000".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
            format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1"),
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": program, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let http = dmm_proxy::client(&base.parse().unwrap()).unwrap();
        let session = send(&http, &base, &capabilities).await.unwrap();
        let session = format!("{base}/{}", session["sessionId"].as_str().unwrap());
        Some(Chromium { http, session, _driver: driver, _profile: profile })
    }

    async fn command(&self, path: &str, body: Value) -> Result<Value, String> {
        send(&self.http, &format!("{}/{path}", self.session), &body).await
    }

    pub(crate) async fn close(self) {
        self.http.delete(&self.session).send().await.unwrap();
    }

    /// Opens a page.
    pub(crate) async fn go(&self, url: &str) {
        self.command("url", json!({ "url": url })).await.unwrap();
    }

    /// What scripts and the browser have complained about since the last call, such as a violated policy.
    pub(crate) async fn problems(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await.unwrap();
        entries.as_array().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Carries out a command of the developer tools.
    async fn tools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("goog/cdp/execute", body).await.unwrap()
    }

    /// The value of an expression or a promise. A script of the developer tools is not subject to the page's policy.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let found = self.tools("Runtime.evaluate", asked).await;
        assert!(found.get("exceptionDetails").is_none(), "{found:#}");
        found.pointer("/result/value").cloned().unwrap_or_default()
    }

    /// The text of an element, as a person sees it.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let found =
            self.value(&format!("document.querySelector({})?.innerText ?? ''", json!(selector))).await;
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait(&self, expression: &str) {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while self.value(&format!("Boolean({expression})")).await != Value::Bool(true) {
            let shown = self.text("body").await;
            assert!(tokio::time::Instant::now() < end, "{shown}\nstill not true: {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the text of an element contains a text.
    pub(crate) async fn wait_for(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait(&format!("document.querySelector({selector})?.innerText.includes({text})")).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let found = self.command("element", json!({ "using": "css selector", "value": selector })).await;
        let found = found.unwrap_or_else(|error| panic!("{selector}: {error}"));
        let path = format!("element/{}/click", found[ELEMENT].as_str().unwrap());
        self.command(&path, json!({})).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from_u32(key as u32);
        let strokes = ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": value }));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("actions", json!({ "actions": [keyboard] })).await.unwrap();
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
            self.press(Key::Tab).await;
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
        let tree = self.tools("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree.get("nodes").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |node: &Value, pointer: &str| {
            node.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let is_shown = |node: &&Value| node.get("ignored") != Some(&Value::Bool(true));
        let shown = nodes.iter().filter(is_shown);
        shown.map(|node| (text(node, "/role/value"), text(node, "/name/value"))).collect()
    }

    /// Shows the page in this color scheme and width.
    pub(crate) async fn look(&self, scheme: &str, width: u32, height: u32) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.tools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Takes a picture of what is visible if the person who runs the test wants one.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os(SCREENSHOTS) else { return };
        let found = self.tools("Page.captureScreenshot", json!({ "format": "png" })).await;
        let picture = STANDARD.decode(found.get("data").and_then(Value::as_str).unwrap()).unwrap();
        // Tests run in the folder of their package.
        std::fs::write(Path::new("..").join(folder).join(name), picture).unwrap();
    }
}

/// Starts the driver on a free port. It opens the port that it has chosen for two protocols, and ends if another process has taken one
/// of them meanwhile.
async fn start_driver(program: &Path) -> (Child, String) {
    for _ in 0..10 {
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                // What the driver prints later must not fill the pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return (driver, port.trim_end_matches('.').to_owned());
            }
        }
    }
    panic!("{} does not start", program.display());
}

/// Where a program is.
fn program(name: &str) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    folders.iter().map(|folder| folder.join(name)).find(|path| path.exists())
}
