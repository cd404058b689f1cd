//! A simulator and a caller with the right key.

use dmm_simulator::{Landscape, Options, Simulator};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "the-right-key";

pub(crate) struct Caller {
    pub(crate) simulator: Simulator,
    http: reqwest::Client,
}

impl Caller {
    pub(crate) async fn of(landscape: Landscape) -> Caller {
        Caller::with(Options::new(KEY.into(), landscape)).await
    }

    pub(crate) async fn with(options: Options) -> Caller {
        // Fails when another test of this process was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(options).await.unwrap();
        Caller { simulator, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// A request without a key.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.simulator.url()))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("x-api-key", KEY)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> Response {
        self.request(Method::POST, path).send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PUT, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.unwrap()
    }

    /// Returns the type names of all events, without their domain.
    pub(crate) fn told(&self) -> Vec<String> {
        let events = self.simulator.world().events();
        let name = |event: &Value| event["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        events.iter().map(name).collect()
    }
}

/// Returns the problem document of a failed answer. It must contain the answer's status.
pub(crate) async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let path = response.url().path().to_owned();
    let problem: Value = response.json().await.unwrap();
    let member = |name: &str| problem.get(name).cloned().unwrap_or_default();
    assert_eq!(member("type"), "about:blank");
    assert_eq!(member("status"), status);
    assert_eq!(member("instance"), path);
    assert!(member("title").is_string() && member("detail").is_string(), "{problem}");
    problem
}

pub(crate) fn orders() -> Value {
    json!({
        "dataProductSpecification": "0.0.1",
        "id": "orders",
        "info": {"title": "Orders", "owner": "checkout"},
        "outputPorts": [{"id": "orders-v1", "name": "Orders", "custom": {"output-port-type": "s3_bucket"}}],
    })
}

pub(crate) fn forecast() -> Value {
    json!({
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": "forecast",
        "status": "active",
        "team": {"name": "data-science"},
        "customProperties": [{"property": "aws-role-name", "value": "dp-forecast"}],
        "outputPorts": [{"name": "weekly", "version": "1.0.0"}],
    })
}

/// Returns an agreement with which `forecast` requests access to `orders`.
pub(crate) fn access(id: &str) -> Value {
    json!({
        "id": id,
        "info": {"purpose": "Train a model"},
        "provider": {"dataProductId": "orders", "outputPortId": "orders-v1"},
        "consumer": {"dataProductId": "forecast"},
        "tags": ["mine"],
        "custom": {"ticket": "DATA-1"},
    })
}

/// Returns a landscape with a provider and a consumer, and without events.
pub(crate) fn landscape() -> Landscape {
    Landscape::empty().with_data_product(orders()).with_data_product(forecast())
}
