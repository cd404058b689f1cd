//! How much memory a page takes. A test binary of its own, because it counts every allocation of the process.

#![expect(clippy::expect_used, reason = "helpers of tests, where a failure is a panic")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use dmm_api::{BaseUrl, Client, RetryPolicy, StaticApiKey};
use dmm_budget::Backoff;
use dmm_mesh::AgreementKind;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// The most that reading a page may take, in megabytes. The function has 256, and everything else in it takes less than 40.
const LIMIT: f32 = 48.0;

/// A client of a server that answers one call with this number of elements. No more than one of them is in memory.
fn client_of(count: usize, element: fn(usize) -> String) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut lines = BufReader::new(stream.try_clone().expect("the connection")).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n[";
        stream.write_all(head).expect("an answer");
        for number in 0..count {
            let separator = if number == 0 { "" } else { "," };
            // The client closes the connection if it needs no more.
            if write!(stream, "{separator}{}", element(number)).is_err() {
                return;
            }
        }
        drop(stream.write_all(b"]"));
    });
    let http = dmm_http::client_builder(None).expect("TLS").no_proxy().build().expect("an HTTP client");
    let backoff = Backoff { attempts: 1, base: Duration::ZERO, cap: Duration::ZERO };
    let retry = RetryPolicy { backoff, attempt_timeout: Duration::from_mins(5) };
    let keys = Arc::new(StaticApiKey::new("k3y".to_owned().into()));
    Client::new(http, BaseUrl::parse(&format!("http://{address}")).expect("an address"), keys, retry)
}

/// A data contract of 28 kB.
fn data_contract(number: usize) -> String {
    let property = r#"{"name":"column","logicalType":"string","required":true},"#;
    let schema = property.repeat(28_000 / property.len());
    format!(
        r#"{{"kind":"DataContract","id":"contract-{number}","schema":[{{"properties":[{schema}null]}}]}}"#
    )
}

/// An access of one megabyte.
fn large_access(number: usize) -> String {
    format!(r#"{{"id":"access-{number}","custom":{{"x":[{}0]}}}}"#, "[],".repeat(350_000))
}

/// An event of 28 kB that takes a multiple of that when it is read.
fn event(number: usize) -> String {
    format!(r#"{{"id":"event-{number}","data":[{}0]}}"#, "[],".repeat(9_300))
}

async fn peak_of<T>(work: impl Future<Output = T>) -> (T, f32) {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage_as_mb();
    let result = work.await;
    (result, ALLOCATED.peak_usage_as_mb() - before)
}

#[tokio::test]
async fn a_page_of_any_size_takes_little_memory() {
    let client = client_of(1000, data_contract);
    let (page, peak) = peak_of(client.agreements(AgreementKind::DataContract, 0)).await;
    let page = page.expect("a page").expect("a list");
    assert_eq!((page.agreements.len(), page.nameless), (0, 0));
    assert!(peak < LIMIT, "a list of 1,000 data contracts takes {peak} MB");
    println!("1,000 data contracts of 28 kB: {peak:.1} MB");

    let client = client_of(64, large_access);
    let (page, peak) = peak_of(client.agreements(AgreementKind::Access, 0)).await;
    assert_eq!(page.expect("a page").expect("a list").agreements.len(), 64);
    assert!(peak < LIMIT, "a list of 64 MB takes {peak} MB");
    println!("a list of 64 MB: {peak:.1} MB");

    let client = client_of(1000, event);
    let (events, peak) = peak_of(client.events(None)).await;
    assert!(events.expect("events").len() > 30);
    assert!(peak < LIMIT, "a page of 1,000 events takes {peak} MB");
    println!("1,000 events of 28 kB: {peak:.1} MB");
}
