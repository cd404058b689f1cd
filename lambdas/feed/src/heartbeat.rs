//! The heartbeat: tells Data Mesh Manager that this connector reads the feed, and how far it has read.

use std::sync::Arc;

use dmm_access::port::PortKind;
use dmm_budget::feed::HEARTBEAT;
use dmm_mesh::Connector;
use dmm_telemetry::metrics;
use dmm_telemetry::names::log;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::ports::Connectors;

/// The connector as which the stack is registered.
pub struct Registration {
    /// Its id.
    pub id: String,
    /// Where it is registered.
    pub connectors: Arc<dyn Connectors>,
}

impl Registration {
    /// Registers the connector with this cursor. A failure is logged and counted, and has no other consequence: nothing
    /// depends on the heartbeat, and the next run sends one again.
    pub(crate) async fn send(&self, last_event_id: Option<&str>, now: Timestamp, deadline: Instant) {
        let connector = Connector {
            id: self.id.clone(),
            version: env!("CARGO_PKG_VERSION"),
            capabilities: PortKind::ALL.iter().map(|kind| kind.as_str()).collect(),
            last_event_id: last_event_id.map(str::to_owned),
            last_heartbeat: now,
        };
        let deadline = deadline.min(Instant::now() + HEARTBEAT);
        let registered = self.connectors.register(&connector, deadline).await;
        metrics::heartbeat(registered.is_ok());
        if let Err(error) = registered {
            tracing::warn!(
                { log::ERROR } = dmm_telemetry::causes(&error),
                "the connector could not be registered with Data Mesh Manager; the events are not affected"
            );
        }
    }
}
