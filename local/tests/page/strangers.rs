//! What must not work: a wrong token, another name of the host, another site.

use std::convert::Infallible;

use dmm_simulator::AgreementKind;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::browser::{Chromium, REBOUND};
use crate::running;

/// Serves an empty page of another origin.
async fn elsewhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\nconnection: close\r\n\r\nelsewhere";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        #[expect(unreachable_code, reason = "says what the task returns")]
        Ok::<(), Infallible>(())
    });
    format!("http://{address}/")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_another_host_and_another_site_are_rejected() {
    let Some(chromium) = Chromium::start().await else { return };
    let running = running().await;
    let url = running.console.url();
    let token = url.trim_end_matches('/').rsplit('/').next().unwrap();
    let tab = &chromium;

    tab.go(&url.replace(token, &"x".repeat(token.len()))).await;
    assert!(tab.text("body").await.contains("not found"), "{}", tab.text("body").await);
    tab.go(&url.replace("127.0.0.1", REBOUND)).await;
    assert!(tab.text("body").await.contains("answers only as 127.0.0.1"), "{}", tab.text("body").await);
    tab.go(&url.replace("127.0.0.1", "localhost")).await;
    tab.wait("document.body.dataset.ready").await;

    // A page of another origin that has somehow learned the token.
    tab.go(&elsewhere().await).await;
    assert_eq!(tab.text("body").await, "elsewhere");
    let act = r#"{"kind":"access","id":"order-stream-for-campaigns","action":"approve"}"#;
    let attacks = [
        format!("fetch('{url}letters').then(() => 'read', () => 'rejected')"),
        format!(
            "fetch('{url}act', {{ method: 'POST', body: '{act}' }}).then(() => 'read', () => 'rejected')"
        ),
        format!(
            "fetch('{url}act', {{ method: 'POST', mode: 'no-cors', body: '{act}' }}).then(() => 'rejected', () => 'rejected')"
        ),
        format!(
            "new Promise((resolve) => {{ const events = new EventSource('{url}states'); \
             events.addEventListener('state', () => resolve('read')); events.addEventListener('error', () => resolve('rejected')); }})"
        ),
        format!(
            "new Promise((resolve) => {{ const script = document.createElement('script'); script.src = '{url}app.js'; \
             script.onload = () => resolve('read'); script.onerror = () => resolve('rejected'); document.body.append(script); }})"
        ),
    ];
    for attack in attacks {
        assert_eq!(tab.value(&attack).await, Value::from("rejected"), "{attack}");
    }
    let world = running.stack.world().unwrap();
    let agreement = world.agreement(AgreementKind::Access, "order-stream-for-campaigns").unwrap();
    assert_eq!(agreement["info"]["status"], "requested");
    chromium.close().await;
}
