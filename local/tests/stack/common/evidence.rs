//! The evidence of the stack, against its grant records.

use std::collections::BTreeMap;

use dmm_access::evidence::Chain;
use dmm_access::name::evidence_prefix;
use dmm_access::record::Record;
use dmm_access::stack::Stack as StackName;
use dmm_local::Stack;
use jiff::Timestamp;

/// Fails unless the evidence of each agreement is complete, unaltered and confirmed by its record, and its last entry states
/// what the record states.
pub(crate) async fn assert_evident(stack: &Stack) {
    let name: StackName = stack.view().state_bucket().rsplit_once("-state-").unwrap().0.parse().unwrap();
    let objects = stack.view().raw_objects("evidence/").await.unwrap();
    for (key, body) in stack.view().raw_objects("grants/").await.unwrap() {
        let agreement = Record::agreement_of(&key, &body, &name).unwrap();
        let record = Record::read(&key, &body, &agreement, &name).unwrap();
        let prefix = evidence_prefix(&agreement);
        let own: BTreeMap<String, Vec<u8>> = objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(key, body)| (key.clone(), body.clone()))
            .collect();
        let chain = Chain::new(agreement, &name, &own);
        assert_eq!(chain.faults(Some(&record), Timestamp::MIN), [], "{key}");
        assert_eq!(chain.unconfirmed(Some(&record)).count(), 0, "{key}");
        let stated = chain.entries().next_back().map(|entry| entry.statement().granted).unwrap_or_default();
        assert_eq!(stated, record.state.granted, "{key}");
    }
}
