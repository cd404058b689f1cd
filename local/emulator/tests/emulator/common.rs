//! Starts one emulator for all tests of a file. Requests pass through the proxy, as in `dmm-local`.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use dmm_aws::{Aws, AwsSettings};
use dmm_emulator::{Emulator, Options};
use dmm_proxy::Proxy;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";

pub(crate) fn workspace_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

pub(crate) fn options(port: Option<u16>) -> Options {
    let on_progress = Box::new(|line: &str| println!("{line}"));
    Options { workspace_target: workspace_target(), port, state: None, on_progress }
}

/// Starts the emulator and the proxy in a thread that lives as long as the test process, because each test has its own
/// runtime. Then calls `then` with the emulator and the proxy's URL to set up what the tests need, and returns its result.
pub(crate) fn start<F: Future<Output = T> + 'static, T: Send + 'static>(
    then: fn(Emulator, String) -> F,
) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let emulator = Emulator::start(options(None)).await.unwrap();
            let upstream: dmm_proxy::Url = emulator.url().parse().unwrap();
            let options = dmm_proxy::Options { aws_upstream: upstream.clone(), api_upstream: upstream };
            let proxy = Proxy::start(options).await.unwrap();
            done.send(then(emulator, proxy.aws_url()).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    result.recv().unwrap()
}

pub(crate) fn sdk_config(url: &str, credentials: Credentials) -> SdkConfig {
    let aws = Aws::new(AwsSettings {
        region: REGION.to_owned(),
        credentials,
        endpoint_url: Some(url.to_owned()),
        ca_bundle: None,
    });
    aws.unwrap().sdk_config().clone()
}

pub(crate) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}
