//! The evidence says what IAM has, after any history.

use std::pin::pin;

use dmm_access::document::Document;
use dmm_access::entitlement::RolePolicy;
use dmm_access::evidence::{Chain, Entry, Outcome as Reported};
use dmm_access::record::{Phase, Record};
use dmm_access::refusal::Refusal;
use dmm_access::testing::{role_name, stack};
use jiff::Timestamp;
use proptest::prelude::*;

use super::world::{MINUTES, State, deletion, poll, reference, to_the_end};
use super::*;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    Change(Change),
    /// A run to its end.
    Run,
    /// A run that is interrupted before this call.
    Interrupt(usize),
    /// Two runs that take turns after these numbers of calls.
    Both([usize; 4]),
    /// This many minutes pass.
    Pass(i64),
}

/// A change of what a run reads, or by somebody else in IAM.
#[derive(Clone, Copy, Debug)]
enum Change {
    Activate,
    Deactivate,
    Delete,
    OtherRole,
    NoRole,
    OtherBucket,
    DriftInIam,
    RoleFull,
    RoomAgain,
}

/// An agreement of the world, with its name.
type Stored = ((AgreementKind, String), serde_json::Value);

impl Change {
    fn apply(self, state: &mut State, original: &[Stored]) {
        match self {
            Change::Activate => {
                state.agreements = original.iter().cloned().collect();
                state.set_role("consumer");
            }
            Change::Deactivate => state.set_active(false),
            Change::Delete => state.agreements.clear(),
            Change::OtherRole => state.set_role("other"),
            Change::NoRole => state.set_role("nobody"),
            Change::OtherBucket => state.set_port("aws-bucket-arn", "arn:aws:s3:::orders-v2"),
            Change::DriftInIam => state.policies.clear(),
            Change::RoleFull => {
                state.rejection = Some(Refusal::RoleFull { role: role_name("consumer") });
            }
            Change::RoomAgain => state.rejection = None,
        }
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop::sample::select(vec![
        Change::Activate,
        Change::Deactivate,
        Change::Delete,
        Change::OtherRole,
        Change::NoRole,
        Change::OtherBucket,
        Change::DriftInIam,
        Change::RoleFull,
        Change::RoomAgain,
    ])
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => changes().prop_map(Event::Change),
        3 => Just(Event::Run),
        3 => (0..40_usize).prop_map(Event::Interrupt),
        2 => prop::array::uniform4(0..20_usize).prop_map(Event::Both),
        2 => (0..700_i64).prop_map(Event::Pass),
    ]
}

/// Two runs in turns, both to their end.
fn both(world: &World, switches: [usize; 4]) {
    let converger = world.converger();
    let (asked, cause) = (reference(Access), deletion());
    let mut runs =
        [pin!(converger.converge(&asked, None, &cause)), pin!(converger.converge(&asked, None, &cause))];
    let mut ended = [false, false];
    for (turn, calls) in switches.into_iter().chain([usize::MAX, usize::MAX]).enumerate() {
        let at = turn % 2;
        for _ in 0..calls {
            if ended[at] {
                break;
            }
            // A run that gives up is repeated by its event.
            ended[at] = poll(runs[at].as_mut()).is_ready();
        }
    }
}

fn record(world: &World) -> Option<Record> {
    let key = record_key(&reference(Access));
    let object = world.state().objects.get(&key).cloned()?;
    Some(Record::read(&key, &object.body, &reference(Access), &stack()).unwrap())
}

pub(super) fn chain(world: &World) -> Chain {
    let objects = world.state().objects.clone();
    let objects = objects.into_iter().filter(|(key, _)| key.starts_with("evidence/"));
    let objects = objects.map(|(key, object)| (key, object.body)).collect();
    Chain::new(reference(Access), &stack(), &objects)
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(MINUTES.get() * 60).unwrap()
}

/// Entries from before this time may have been deleted.
fn kept_since(world: &World) -> Timestamp {
    world.retention.kept_since(now())
}

/// Some time passes, with a comparison at its end. Then S3 deletes what is too old.
pub(super) fn pass(world: &World, minutes: i64) {
    MINUTES.set(MINUTES.get() + minutes);
    world.run_after_deletion(Access).unwrap();
    let chain = chain(world);
    let is_old = |entry: &&Entry| entry.time < kept_since(world);
    for entry in chain.entries().filter(is_old) {
        world.state().objects.remove(&dmm_access::evidence::key(&reference(Access), entry.sequence));
    }
}

/// What the entries say exists, as `role/policy` with the document.
fn stated(entry: Option<&Entry>) -> Vec<(String, Document)> {
    let granted = entry.into_iter().flat_map(|entry| &entry.granted);
    let named = granted.map(|given| {
        let Place::RolePolicy(RolePolicy { role, policy }) = &given.entitlement.place;
        (format!("{role}/{policy}"), given.entitlement.permission.document.clone())
    });
    named.collect()
}

fn existing(world: &World) -> Vec<(String, Document)> {
    let state = world.state();
    let named = state.policies.iter();
    named.map(|((role, policy), document)| (format!("{role}/{policy}"), document.clone())).collect()
}

pub(super) fn check(world: &World) -> Result<(), TestCaseError> {
    let (chain, record) = (chain(world), record(world));
    prop_assert_eq!(chain.faults(record.as_ref(), kept_since(world)), vec![]);
    prop_assert_eq!(stated(chain.entries().next_back()), existing(world));
    // The last entry is the one that the record confirms.
    prop_assert_eq!(chain.unconfirmed(record.as_ref()).count(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_state_rebuilt_from_the_entries_equals_iam(history in prop::collection::vec(events(), 1..14)) {
        MINUTES.set(0);
        let world = World::new(Access).keeping_entries_for_a_day();
        let original: Vec<_> = world.state().agreements.clone().into_iter().collect();
        for event in history {
            match event {
                Event::Change(change) => change.apply(&mut world.state(), &original),
                Event::Run => {
                    world.run_after_deletion(Access).unwrap();
                    check(&world)?;
                }
                Event::Interrupt(at) => {
                    world.interrupt(Access, at);
                    // Whoever looks while the record is settled sees what IAM has, or what it had before somebody else
                    // changed IAM.
                    let (chain, record) = (chain(&world), record(&world));
                    prop_assert_eq!(chain.faults(record.as_ref(), kept_since(&world)), vec![]);
                    if let Some(record) = record.filter(|record| record.state.phase == Phase::Settled) {
                        let head = record.notes.evidence.map_or(0, |head| head.sequence);
                        let confirmed = chain.entries().rfind(|entry| entry.sequence <= head);
                        let granted = record.state.granted.iter().count();
                        prop_assert_eq!(stated(confirmed).len(), granted);
                    }
                }
                Event::Both(switches) => {
                    both(&world, switches);
                    // The event of a run that gave up comes again.
                    world.run_after_deletion(Access).unwrap();
                    check(&world)?;
                }
                Event::Pass(minutes) => {
                    pass(&world, minutes);
                    check(&world)?;
                }
            }
        }
        world.run_after_deletion(Access).unwrap();
        check(&world)?;
    }
}

pub(super) fn outcomes(world: &World) -> Vec<Reported> {
    chain(world).entries().map(|entry| entry.outcome).collect()
}

#[test]
fn each_change_has_an_entry_and_an_unchanged_outcome_has_none() {
    let world = World::new(Access);
    for _ in 0..2 {
        world.run(Access).unwrap();
    }
    world.state().set_port("aws-bucket-arn", "arn:aws:s3:::orders-v2");
    world.run(Access).unwrap();
    world.state().policies.clear();
    world.run(Access).unwrap();
    world.state().set_role("nobody");
    for _ in 0..2 {
        world.run(Access).unwrap();
    }
    world.state().set_active(false);
    for _ in 0..2 {
        world.run(Access).unwrap();
    }
    assert_eq!(
        outcomes(&world),
        [Reported::Granted, Reported::Changed, Reported::Restored, Reported::Refused, Reported::Ended]
    );
    let chain = chain(&world);
    let first = chain.entries().next().unwrap();
    assert_eq!(
        (first.product.as_deref(), first.port.as_deref()),
        (Some("orders"), Some("daily")),
        "{first:?}"
    );
    assert_eq!(first.request_ids, ["request-of-put"]);
    assert_eq!(chain.entries().nth(3).unwrap().refusal.as_deref(), Some("RoleMissing"));
}

#[test]
fn a_refusal_is_recorded_with_the_time_since_and_does_not_make_the_agreement_known() {
    let world = World::new(Access);
    world.state().set_role("nobody");
    MINUTES.set(1);
    world.run(Access).unwrap();
    MINUTES.set(9);
    world.run(Access).unwrap();
    let notes = record(&world).unwrap().notes;
    let refusal = notes.refusal.unwrap();
    assert_eq!((refusal.code.as_str(), refusal.since.as_second()), ("RoleMissing", 60));
    assert_eq!((notes.product.as_deref(), notes.first_granted_at), (Some("orders"), None));
    let consumer = notes.consumer.unwrap();
    assert_eq!(
        (consumer.data_product.as_deref(), consumer.team.as_deref()),
        (Some("promotions"), Some("marketing"))
    );
    assert_eq!(outcomes(&world), [Reported::Refused]);
    // An agreement that ends before it gave anything is not reported as deprovisioned.
    let reports = world.state().reports.len();
    for agreement in world.state().agreements.values_mut() {
        agreement.as_object_mut().unwrap().remove("provisioning");
    }
    world.state().set_active(false);
    world.run(Access).unwrap();
    assert_eq!(world.state().reports.len(), reports);
    assert_eq!(record(&world).unwrap().notes.refusal, None);
    MINUTES.set(20);
    world.state().set_active(true);
    world.state().set_role("consumer");
    world.run(Access).unwrap();
    assert_eq!(record(&world).unwrap().notes.first_granted_at.unwrap().as_second(), 20 * 60);
    MINUTES.set(0);
}

#[test]
fn access_that_exists_without_evidence_gets_an_entry_that_says_so() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    {
        // As the release before this one left it.
        let mut state = world.state();
        state.objects.retain(|key, _| key.starts_with("grants/"));
        let object = state.objects.values_mut().next().unwrap();
        let mut old: serde_json::Value = serde_json::from_slice(&object.body).unwrap();
        for member in ["product", "port", "consumer", "first_granted_at", "evidence"] {
            assert!(old.as_object_mut().unwrap().remove(member).is_some(), "{member}");
        }
        object.body = old.to_string().into_bytes();
    }
    world.run(Access).unwrap();
    assert_eq!(outcomes(&world), [Reported::Existing]);
    let record = record(&world).unwrap();
    assert_eq!(
        (record.notes.first_granted_at, record.notes.product.as_deref()),
        (Some(Timestamp::UNIX_EPOCH), Some("orders"))
    );
    check(&world).unwrap();
}

#[test]
fn an_entry_that_cannot_be_written_fails_the_run_before_the_record_is_settled() {
    let world = World::new(Access);
    world.state().unwritable = Some("evidence/");
    assert!(world.run(Access).is_err());
    assert_eq!(record(&world).unwrap().state.phase, Phase::Changing);
    world.state().unwritable = None;
    world.run(Access).unwrap();
    check(&world).unwrap();
    assert_eq!(outcomes(&world), [Reported::Granted]);
}

#[test]
fn a_planted_entry_does_not_stop_the_chain_and_is_found() {
    let world = World::new(Access);
    let planted = dmm_access::evidence::key(&reference(Access), 1);
    let object = dmm_state::Object { body: b"{}".to_vec(), etag: dmm_state::ETag::new("planted") };
    world.state().objects.insert(planted.clone(), object);
    world.run(Access).unwrap();
    assert_eq!(granted(&world), [OURS]);
    let faults: Vec<_> = chain(&world)
        .faults(record(&world).as_ref(), kept_since(&world))
        .into_iter()
        .map(|fault| fault.key)
        .collect();
    assert_eq!(faults, [planted]);
    assert_eq!(stated(chain(&world).entries().next_back()), existing(&world));
}

fn granted(world: &World) -> Vec<String> {
    world.state().granted()
}

/// Changes that another one takes back, so that the state afterwards is the same as before.
const THERE_AND_BACK: [(Change, Change); 3] = [
    (Change::Deactivate, Change::Activate),
    (Change::OtherRole, Change::Activate),
    (Change::Delete, Change::Activate),
];

/// More calls than a run needs.
const LONGEST: usize = 60;

/// A world in which access was given and then a change happened, with the agreements as they were before it.
fn granted_and_changed(change: Change) -> (World, Vec<Stored>) {
    let world = World::new(Access);
    let original: Vec<_> = world.state().agreements.clone().into_iter().collect();
    world.run_after_deletion(Access).unwrap();
    change.apply(&mut world.state(), &original);
    (world, original)
}

#[test]
fn a_run_that_is_interrupted_at_any_call_before_the_change_is_taken_back_leaves_the_right_evidence() {
    for (there, back) in THERE_AND_BACK {
        for at in 0..LONGEST {
            let (world, original) = granted_and_changed(there);
            world.interrupt(Access, at);
            back.apply(&mut world.state(), &original);
            world.run_after_deletion(Access).unwrap();
            check(&world).unwrap_or_else(|error| panic!("{there:?}, interrupted at {at}: {error}"));
        }
    }
}

#[test]
fn a_run_that_is_late_by_any_number_of_calls_leaves_the_right_evidence() {
    for (there, back) in THERE_AND_BACK {
        for at in 0..LONGEST {
            let (world, original) = granted_and_changed(there);
            let converger = world.converger();
            let (asked, cause) = (reference(Access), deletion());
            let mut late = pin!(converger.converge(&asked, None, &cause));
            let has_ended = (0..at).any(|_| poll(late.as_mut()).is_ready());
            back.apply(&mut world.state(), &original);
            world.run_after_deletion(Access).unwrap();
            if !has_ended {
                to_the_end(late).unwrap();
            }
            check(&world).unwrap_or_else(|error| panic!("{there:?}, late by {at}: {error}"));
        }
    }
}
