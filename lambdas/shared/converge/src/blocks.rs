//! Reads what operators have taken back.

use dmm_access::blocks::Blocks;
use dmm_state::controls::{self, BLOCKS};
use dmm_state::{ObjectStore, StateError};

/// The blocks that are in force. None if the object does not exist.
///
/// # Errors
///
/// [`StateError`]; a [rejected](StateError::Rejected) one if the object does not have the format. Nothing may be given then.
pub async fn read(store: &dyn ObjectStore) -> Result<Blocks, StateError> {
    Ok(controls::read(store, BLOCKS).await?.map(|(blocks, _)| blocks).unwrap_or_default())
}
