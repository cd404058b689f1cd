//! The ids of the requests in which a run changes something, for the evidence.
//!
//! They pass beside the traits of [`ports`](crate::ports), because only the adapters of AWS know them and only the evidence
//! needs them.

use std::cell::RefCell;

tokio::task_local! {
    static IDS: RefCell<Vec<String>>;
}

/// Notes the id of a request that has changed something; nothing happens if nobody collects them.
pub fn note(id: Option<&str>) {
    let Some(id) = id else { return };
    // Without a collector, there is nothing to do.
    _ = IDS.try_with(|ids| ids.borrow_mut().push(id.to_owned()));
}

/// Runs a call, and returns its result with the ids that were noted in it.
pub(crate) async fn collected<T>(call: impl Future<Output = T>) -> (T, Vec<String>) {
    IDS.scope(RefCell::default(), async {
        let result = call.await;
        (result, IDS.with(RefCell::take))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_ids_of_one_call_are_collected() {
        note(Some("nobody listens"));
        let call = async {
            note(Some("r1"));
            tokio::task::yield_now().await;
            note(None);
            note(Some("r2"));
        };
        let (first, second) = tokio::join!(collected(call), collected(async { note(Some("r3")) }));
        assert_eq!((first.1, second.1), (vec!["r1".to_owned(), "r2".to_owned()], vec!["r3".to_owned()]));
    }
}
