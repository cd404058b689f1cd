//! Data in the state bucket that this software could not have written.

use std::fmt::Display;

use dmm_telemetry::metrics;

/// Tells operators that the object `key`, or a part of it, is not used. The metric behind this has an alarm: somebody
/// else wrote to the bucket. `reason` must not quote the object.
pub(crate) fn tell(key: &str, reason: &dyn Display) {
    metrics::stored_data_rejected();
    tracing::error!(
        key,
        %reason,
        "an object in the state bucket is not used: find out who wrote it, and restore an earlier version if access is missing"
    );
}
