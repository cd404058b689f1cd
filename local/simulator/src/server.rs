//! Starting and stopping the simulator.

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

/// How long [`Simulator::stop`] waits for answers that are still being written.
const GRACE: Duration = Duration::from_secs(2);

/// How to start a simulator.
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The key that callers must send.
    pub api_key: SecretString,
    /// What exists at the start.
    pub landscape: Landscape,
    /// The most events in one answer of the feed and, unless `pageSize` says otherwise, the most items on one
    /// page of a list.
    pub page_limit: usize,
    /// How a missing or wrong key is answered.
    pub key_refusal: KeyRefusal,
}

impl Options {
    /// On 127.0.0.1 at a free port, 1000 events in an answer as the vendor has it, 403 for a wrong key.
    #[must_use]
    pub fn new(api_key: SecretString, landscape: Landscape) -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key,
            landscape,
            page_limit: 1000,
            key_refusal: KeyRefusal::default(),
        }
    }
}

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// The address cannot be listened on, most often because its port is taken.
    #[error(
        "the simulated Data Mesh Manager cannot listen on {address}; choose another port or 0 for a free one"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A page of no events would never end.
    #[error("page_limit must be at least 1")]
    PageLimit,
}

impl SimulatorError {
    /// Whether a retry can cure it: a port may become free again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            SimulatorError::Listen { source, .. } => source.kind() == io::ErrorKind::AddrInUse,
            SimulatorError::PageLimit => false,
        }
    }
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
    /// Begins to serve the landscape; from here on requests are answered.
    ///
    /// # Errors
    /// If the address cannot be listened on or an option makes no sense.
    pub async fn start(options: Options) -> Result<Simulator, SimulatorError> {
        let Options { listen, api_key, landscape, page_limit, key_refusal } = options;
        if page_limit == 0 {
            return Err(SimulatorError::PageLimit);
        }
        let failed = |source| SimulatorError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let world = WorldHandle::new(landscape.into_world(), api_key);
        let faults = Faults::default();
        let app = api::App { world: world.clone(), faults: faults.clone(), page_limit, key_refusal, address };
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, api::router(app)).with_graceful_shutdown(async {
            // An error means that the simulator was dropped, which asks for the same.
            let _ = stopped.await;
        });
        let server = tokio::spawn(async {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the simulated Data Mesh Manager stopped");
            }
        });
        Ok(Simulator { address, world, faults, stop, server })
    }

    /// The base address of the API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulated organisation.
    #[must_use]
    pub fn world(&self) -> WorldHandle {
        self.world.clone()
    }

    /// What shall go wrong.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Stops to listen and waits, up to two seconds, for answers that are still being written.
    pub async fn stop(self) {
        let Simulator { stop, mut server, .. } = self;
        drop(stop);
        if tokio::time::timeout(GRACE, &mut server).await.is_err() {
            server.abort();
        }
    }
}
