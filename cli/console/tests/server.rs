//! The server, as a browser, a program and an attacker reach it.

#![expect(clippy::unwrap_used, reason = "test helpers: a panic fails the test")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dmm_console::{
    Action, AgreementId, Console, Control, Explanation, Letters, Problem, Source, State, Trace,
};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::watch;

/// A source whose only agreement is `access/a-1`. It records what was done.
struct Fake {
    states: watch::Sender<Arc<State>>,
    is_read_only: bool,
    done: Mutex<Vec<String>>,
}

impl Fake {
    fn new(is_read_only: bool) -> Arc<Fake> {
        let state = State { stack: "first".to_owned(), ..State::default() };
        Arc::new(Fake { states: watch::Sender::new(Arc::new(state)), is_read_only, done: Mutex::default() })
    }

    fn did(&self, what: String) -> String {
        self.done.lock().unwrap().push(what);
        "Done.".to_owned()
    }
}

#[async_trait]
impl Source for Fake {
    fn states(&self) -> watch::Receiver<Arc<State>> {
        self.states.subscribe()
    }

    async fn explanation(&self, agreement: &AgreementId) -> Result<Explanation, Problem> {
        Err(Problem::NotFound(format!("no agreement {}", agreement.id)))
    }

    async fn traces(&self, _: &AgreementId) -> Result<Vec<Trace>, Problem> {
        Ok(Vec::new())
    }

    async fn letters(&self) -> Result<Letters, Problem> {
        Ok(Letters::default())
    }

    fn control(&self) -> Option<&dyn Control> {
        (!self.is_read_only).then_some(self)
    }
}

#[async_trait]
impl Control for Fake {
    async fn act(&self, agreement: &AgreementId, action: Action) -> Result<String, Problem> {
        Ok(self.did(format!("{action:?} {}/{}", agreement.kind, agreement.id)))
    }

    async fn resend_letter(&self, id: &str) -> Result<String, Problem> {
        Ok(self.did(format!("resend {id}")))
    }

    async fn resend_held(&self, id: &str, event: &str) -> Result<String, Problem> {
        Ok(self.did(format!("resend {id}: {event}")))
    }
}

fn client() -> reqwest::Client {
    // Another test may have installed it already, and then this call fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sends a request as the page does.
async fn send(
    console: &Console,
    method: Method,
    path: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Response {
    let url = reqwest::Url::parse(console.url()).unwrap();
    let origin = url.origin().ascii_serialization();
    let mut request = client().request(method, url.join(path).unwrap()).body(body.to_owned());
    let own = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    for (name, value) in own.into_iter().filter(|(name, _)| headers.iter().all(|(other, _)| other != name)) {
        request = request.header(name, value);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

const APPROVE: &str = r#"{"kind":"access","id":"a-1","action":"approve"}"#;

#[tokio::test]
async fn the_page_has_its_files_and_every_answer_is_protected() {
    let console = Console::start(Fake::new(false), 0).await.unwrap();
    let page = send(&console, Method::GET, "", "", &[]).await.text().await.unwrap();
    let quoted = page.split('"').filter(|text| [".js", ".css", ".svg"].iter().any(|end| text.ends_with(end)));
    let mut files: Vec<&str> = quoted.collect();
    assert!(files.len() >= 3, "{files:?}");
    files.extend([
        "dom.js",
        "pipeline.js",
        "agreements.js",
        "trace.js",
        "letters.js",
        "no-such-file",
        "explanation?kind=a&id=b",
        "../",
    ]);
    for path in files {
        let answer = send(&console, Method::GET, path, "", &[]).await;
        let is_missing = ["no-such-file", "explanation?kind=a&id=b", "../"].contains(&path);
        assert_eq!(answer.status() == StatusCode::OK, !is_missing, "{path}: {}", answer.status());
        let header =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn nothing_is_answered_or_done_without_the_token_under_another_name_or_for_another_site() {
    let fake = Fake::new(false);
    let console = Console::start(Arc::clone(&fake) as Arc<dyn Source>, 0).await.unwrap();
    let wrong = "/wrong-token-wrong-token-wrong-token-wrong-to/";
    for path in ["", "states", "letters", "act"] {
        let method = if path == "act" { Method::POST } else { Method::GET };
        for (path, headers, status) in [
            (format!("{wrong}{path}"), vec![], StatusCode::NOT_FOUND),
            (path.to_owned(), vec![("host", "evil.example")], StatusCode::MISDIRECTED_REQUEST),
            (path.to_owned(), vec![("origin", "http://evil.example")], StatusCode::FORBIDDEN),
            (path.to_owned(), vec![("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        ] {
            let answer = send(&console, method.clone(), &path, APPROVE, &headers).await;
            assert_eq!(answer.status(), status, "{path} {headers:?}");
        }
    }
    assert_eq!(*fake.done.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_page_can_change_what_its_source_lets_it_change() {
    let fake = Fake::new(false);
    let console = Console::start(Arc::clone(&fake) as Arc<dyn Source>, 0).await.unwrap();
    for (path, body) in [
        ("act", APPROVE),
        ("resend-letter", r#"{"id":"m-1"}"#),
        ("resend-held", r#"{"id":"h-1","event":"{}"}"#),
    ] {
        let answer = send(&console, Method::POST, path, body, &[]).await;
        assert_eq!(
            (answer.status(), answer.text().await.unwrap().as_str()),
            (StatusCode::OK, r#"{"done":"Done."}"#)
        );
    }
    assert_eq!(*fake.done.lock().unwrap(), ["Approve access/a-1", "resend m-1", "resend h-1: {}"]);
    let invalid =
        send(&console, Method::POST, "act", r#"{"kind":"access","id":"a-1","action":"burn"}"#, &[]).await;
    assert_eq!(invalid.status(), StatusCode::CONFLICT);
    assert!(invalid.text().await.unwrap().contains("not valid"));
}

#[tokio::test]
async fn a_page_that_only_reads_changes_nothing() {
    let fake = Fake::new(true);
    let console = Console::start(Arc::clone(&fake) as Arc<dyn Source>, 0).await.unwrap();
    for path in ["act", "resend-letter", "resend-held"] {
        let body = r#"{"kind":"access","id":"a-1","action":"approve","event":""}"#;
        let answer = send(&console, Method::POST, path, body, &[]).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{path}");
        assert!(answer.text().await.unwrap().contains("`dmm`"));
    }
    assert_eq!(*fake.done.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn each_state_is_sent_once() {
    let fake = Fake::new(true);
    let console = Console::start(Arc::clone(&fake) as Arc<dyn Source>, 0).await.unwrap();
    let mut answer = send(&console, Method::GET, "states", "", &[]).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut next = async || String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(next().await.starts_with("event: state\ndata: {\"stack\":\"first\""));
    fake.states.send_replace(Arc::new(State { stack: "second".to_owned(), ..State::default() }));
    assert!(next().await.contains("\"stack\":\"second\""));
}
