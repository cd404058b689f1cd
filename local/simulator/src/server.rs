//! Starts and stops the simulator.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::{self, KeyRefusal};
use crate::faults::Faults;
use crate::handle::WorldHandle;
use crate::landscape::Landscape;
use crate::world::Snapshot;

/// How long [`Simulator::stop`] waits for answers in progress.
const GRACE: Duration = Duration::from_secs(2);

/// The options of a simulator.
pub struct Options {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The key that callers must send.
    pub api_key: SecretString,
    /// The initial state.
    pub landscape: Landscape,
    /// The state of an earlier simulator, which replaces the objects of the landscape.
    pub snapshot: Option<Snapshot>,
    /// The maximum number of events in one answer of the feed and, unless `pageSize` is given, the maximum number of items on one
    /// page of a list.
    pub page_limit: usize,
    /// The answer to a missing or wrong key.
    pub key_refusal: KeyRefusal,
}

impl Options {
    /// Creates the default options: a free port of 127.0.0.1, 1000 events per answer like the vendor, 403 for a wrong key.
    #[must_use]
    pub fn new(api_key: SecretString, landscape: Landscape) -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key,
            landscape,
            snapshot: None,
            page_limit: 1000,
            key_refusal: KeyRefusal::default(),
        }
    }
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The address cannot be used, usually because the port is taken.
    #[error(
        "the simulated Data Mesh Manager cannot listen on {address}: choose another port, or 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The page limit is 0, so no event would ever be delivered.
    #[error("page_limit must be at least 1")]
    PageLimit,
}

/// A running simulator. Dropping it stops it.
pub struct Simulator {
    address: SocketAddr,
    world: WorldHandle,
    faults: Faults,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts to serve the landscape. When this returns, requests are answered.
    ///
    /// # Errors
    ///
    /// [`SimulatorError`] if the address cannot be used or an option is not valid.
    pub async fn start(options: Options) -> Result<Simulator, SimulatorError> {
        let Options { listen, api_key, landscape, snapshot, page_limit, key_refusal } = options;
        if page_limit == 0 {
            return Err(SimulatorError::PageLimit);
        }
        let failed = |source| SimulatorError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let world = snapshot.map_or_else(|| landscape.into_world(), |Snapshot(world)| world);
        let world = WorldHandle::new(world, api_key);
        let faults = Faults::default();
        let app = api::App { world: world.clone(), faults: faults.clone(), page_limit, key_refusal, address };
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, api::router(app)).with_graceful_shutdown(async {
            // An error means that the simulator was dropped: stop, too.
            let _ = stopped.await;
        });
        let server = tokio::spawn(async {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the simulated Data Mesh Manager failed");
            }
        });
        Ok(Simulator { address, world, faults, stop, server })
    }

    /// Returns the base URL of the API, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a handle to the simulated organisation.
    #[must_use]
    pub fn world(&self) -> WorldHandle {
        self.world.clone()
    }

    /// Returns the faults, to inject more.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Stops listening, and waits up to two seconds for answers in progress.
    pub async fn stop(self) {
        let Simulator { stop, mut server, .. } = self;
        drop(stop);
        if tokio::time::timeout(GRACE, &mut server).await.is_err() {
            server.abort();
        }
    }
}
