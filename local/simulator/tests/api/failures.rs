//! Keys, error answers, faults, and the simulator's own endpoints.

use std::time::{Duration, Instant};

use crate::caller::{Caller, KEY, access, landscape, problem};
use dmm_simulator::{
    AgreementKind, Fault, FaultKind, KeyRefusal, Landscape, Options, Simulator, SimulatorError,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn the_key_is_taken_from_either_header() {
    let caller = Caller::of(Landscape::empty()).await;
    let events = || caller.bare(Method::GET, "/api/events");
    assert_eq!(events().header("x-api-key", KEY).send().await.unwrap().status(), 200);
    assert_eq!(events().bearer_auth(KEY).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused_everywhere_under_api() {
    let caller = Caller::of(Landscape::empty()).await;
    for path in ["/api/events", "/api/access/a", "/api/nothing"] {
        problem(caller.bare(Method::GET, path).send().await.unwrap(), 403).await;
        let wrong = caller.bare(Method::GET, path).header("x-api-key", "wrong");
        let refused = problem(wrong.send().await.unwrap(), 403).await;
        assert_eq!(refused["title"], "Forbidden");
    }
}

#[tokio::test]
async fn a_wrong_key_can_be_answered_with_401() {
    let mut options = Options::new(KEY.into(), Landscape::empty());
    options.key_refusal = KeyRefusal::Unauthorized;
    let caller = Caller::with(options).await;
    problem(caller.bare(Method::GET, "/api/events").send().await.unwrap(), 401).await;
}

#[tokio::test]
async fn a_replaced_key_is_wrong_from_then_on() {
    let caller = Caller::of(Landscape::empty()).await;
    caller.simulator.world().set_api_key("another-key".into());
    problem(caller.get("/api/events").await, 403).await;
    let renewed = caller.bare(Method::GET, "/api/events").header("x-api-key", "another-key");
    assert_eq!(renewed.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let caller = Caller::of(landscape()).await;
    problem(caller.get("/api/nothing").await, 404).await;
    problem(caller.get("/nothing").await, 404).await;
    problem(caller.post("/api/events").await, 405).await;
    problem(caller.get("/api/teams/%FF").await, 400).await;
    problem(caller.put("/api/teams/a%2Fb", &json!({"id": "a/b", "name": "a", "type": "Team"})).await, 400)
        .await;
    let put = || caller.request(Method::PUT, "/api/access/a");
    problem(put().send().await.unwrap(), 400).await;
    problem(put().json(&json!([])).send().await.unwrap(), 400).await;
    let broken = put().header("content-type", "application/json").body("{\"id\": ");
    problem(broken.send().await.unwrap(), 400).await;
    problem(put().body(access("a").to_string()).send().await.unwrap(), 415).await;
    let huge = put().header("content-type", "application/json").body("x".repeat(17 * 1024 * 1024));
    problem(huge.send().await.unwrap(), 413).await;
}

#[tokio::test]
async fn a_status_fault_answers_instead_of_the_api_with_its_retry_after() {
    let caller = Caller::of(landscape()).await;
    let kind = FaultKind::Status { code: 429, retry_after: Some("7".into()) };
    caller.simulator.faults().inject(Fault::on("PUT", "/api/access/", kind));
    let refused = caller.put("/api/access/a", &access("a")).await;
    assert_eq!(refused.headers()["retry-after"], "7");
    problem(refused, 429).await;
    assert!(caller.told().is_empty());
    assert_eq!(caller.put("/api/access/a", &access("a")).await.status(), 200);
}

#[tokio::test]
async fn a_delayed_request_is_worked_on_after_the_wait() {
    let caller = Caller::of(landscape()).await;
    let wait = Duration::from_millis(80);
    caller.simulator.faults().inject(Fault::on("PUT", "/api/access/", FaultKind::Delay(wait)));
    let begun = Instant::now();
    assert_eq!(caller.put("/api/access/a", &access("a")).await.status(), 200);
    assert!(begun.elapsed() >= wait);
}

#[tokio::test]
async fn a_cut_connection_breaks_the_answer_though_the_work_is_done() {
    let caller = Caller::of(landscape()).await;
    let faults = caller.simulator.faults();
    faults.inject(Fault::on("PUT", "", FaultKind::CutConnection));
    let put = caller.request(Method::PUT, "/api/access/a").json(&access("a")).send().await;
    let failed = match put {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(failed);
    assert_eq!(caller.told(), ["AccessCreatedEvent", "AccessRequestedEvent"]);

    faults.inject(Fault::on("GET", "/api/events", FaultKind::CutConnection));
    let response = caller.get("/api/events").await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    assert_eq!(caller.read("/api/events").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_right_key_can_be_refused_and_any_page_answered() {
    let caller = Caller::of(landscape()).await;
    let faults = caller.simulator.faults();
    faults.inject(Fault::on("GET", "/api/events", FaultKind::WrongKey));
    let page = FaultKind::Answer { code: 502, content_type: "text/html".into(), body: "<h1>Oh</h1>".into() };
    faults.inject(Fault::on("GET", "/api/events", page));
    problem(caller.get("/api/events").await, 401).await;
    let response = caller.get("/api/events").await;
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.text().await.unwrap(), "<h1>Oh</h1>");
}

#[tokio::test]
async fn requests_are_remembered_without_the_key() {
    let caller = Caller::of(landscape()).await;
    caller.get("/api/access/urn%3Aa?x=1").await;
    let seen = caller.simulator.world().requests_seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("GET", "/api/access/urn%3Aa"));
    assert_eq!((seen[0].query.as_deref(), seen[0].status), (Some("x=1"), Some(404)));
    assert!(!format!("{seen:?}").contains(KEY));
}

#[tokio::test]
async fn the_simulator_is_steered_over_http() {
    let caller = Caller::of(landscape().with_agreement(AgreementKind::Access, access("a"))).await;
    let control = |method, path| caller.bare(method, path);
    let fault = json!({"path": "/api/events", "kind": {"status": {"code": 500}}});
    let sent = control(Method::POST, "/simulator/faults").json(&fault).send().await.unwrap();
    assert_eq!(sent.status(), 204);
    let event = control(Method::POST, "/simulator/events").json(&json!({"type": "x"}));
    assert_eq!(event.send().await.unwrap().status(), 204);
    let overview: serde_json::Value =
        control(Method::GET, "/simulator").send().await.unwrap().json().await.unwrap();
    assert_eq!(overview["events"], 1);
    assert_eq!(overview["agreements"][0]["id"], "a");
    assert_eq!(overview["faults"][0]["kind"]["status"]["code"], 500);
    let cleared = control(Method::DELETE, "/simulator/faults").send().await.unwrap();
    assert_eq!(cleared.status(), 204);
    assert_eq!(caller.read("/api/events").await, json!([{"type": "x"}]));
    let wrong = control(Method::POST, "/simulator/faults").json(&json!({"kind": "meteor"}));
    problem(wrong.send().await.unwrap(), 400).await;
    let landing = control(Method::GET, "/").send().await.unwrap().text().await.unwrap();
    assert!(landing.contains("simulated Data Mesh Manager") && !landing.contains(KEY));
}

#[tokio::test]
async fn waiting_ends_when_the_condition_holds_or_the_time_is_up() {
    let caller = Caller::of(landscape().with_agreement(AgreementKind::Access, access("a"))).await;
    let world = caller.simulator.world();
    let waiting = world.clone();
    let wait = tokio::spawn(async move {
        let provisioned = |world: &dmm_simulator::WorldHandle| world.provisioning("a").is_some();
        waiting.wait_until(Duration::from_mins(10), provisioned).await
    });
    caller.post("/api/access/a/provisioning/provisioning-started").await;
    assert!(wait.await.unwrap());
    assert!(!world.wait_until(Duration::from_millis(5), |_| false).await);
}

#[tokio::test]
async fn a_simulator_stops_when_told_and_when_dropped() {
    for drops in [true, false] {
        let caller = Caller::of(Landscape::empty()).await;
        caller.get("/api/events").await;
        let address = caller.simulator.url().strip_prefix("http://").unwrap().to_owned();
        let Caller { simulator, .. } = caller;
        if drops {
            drop(simulator);
        } else {
            simulator.stop().await;
        }
        let closed = async {
            while tokio::net::TcpStream::connect(&address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(10), closed).await.unwrap();
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new(KEY.into(), Landscape::empty());
    options.listen = taken.local_addr().unwrap();
    let error = Simulator::start(options).await.err().unwrap();
    assert!(error.to_string().contains("choose another port"));
    assert!(
        matches!(error, SimulatorError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse)
    );
}
