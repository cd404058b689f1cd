//! When access is not taken away, or not yet.

use super::*;
use crate::entitlement::Permission;

fn grant_state(phase: Phase, role: &str, document: &str) -> GrantState {
    let granted = active(role, document).desired.entitlements().clone();
    GrantState { phase, granted, ..GrantState::nothing() }
}

/// A run that has read this record.
fn run_with(record: GrantState) -> RunState {
    let mut run = new_run(ROUNDS);
    run.record_read(Some(record));
    run
}

/// Answers all looks of a run as if what the record grants existed.
fn look(run: &mut RunState) -> Step {
    loop {
        match run.next_step() {
            Step::Look(place) => {
                let document = run.granted().at(&place).map(|permission| permission.document.clone());
                run.looked(place, document.into());
            }
            step => return step,
        }
    }
}

const SEEN: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn the_first_look_at_a_missing_agreement_only_marks_the_record() {
    for phase in [Phase::Settled, Phase::Changing] {
        let record = grant_state(phase, "r1", "1");
        let mut run = run_with(record.clone());
        run.target_missing(Absence { seen: SEEN, is_confirmed: false });
        let marked = GrantState { missing_since: Some(SEEN), ..record };
        assert_eq!(look(&mut run), Step::Write(marked.clone()));
        run.written();
        let Step::Finish(finish) = look(&mut run) else { panic!("{:?}", run.next_step()) };
        assert_eq!((finish.postponed, finish.changed), (Some(Postponement::SecondLook), false));
        // Another look, which is still too early.
        let mut run = run_with(marked.clone());
        run.target_missing(Absence { seen: SEEN, is_confirmed: false });
        assert!(matches!(
            look(&mut run),
            Step::Finish(Finish { postponed: Some(Postponement::SecondLook), .. })
        ));
        // The second look agrees.
        let mut run = run_with(marked);
        run.target_missing(Absence { seen: SEEN, is_confirmed: true });
        assert_eq!(look(&mut run), Step::Admit(Desired::Nothing));
    }
}

#[test]
fn an_agreement_that_is_found_again_loses_its_mark() {
    let marked = GrantState { missing_since: Some(SEEN), ..grant_state(Phase::Settled, "r1", "1") };
    let mut run = run_with(marked);
    run.target_read(active("r1", "1"));
    assert_eq!(look(&mut run), Step::Write(grant_state(Phase::Settled, "r1", "1")));
    run.written();
    let Step::Finish(finish) = look(&mut run) else { panic!("{:?}", run.next_step()) };
    assert!(!finish.changed && finish.postponed.is_none());
}

#[test]
fn an_agreement_that_goes_missing_during_a_run_keeps_what_the_run_gave() {
    let mut run = new_run(ROUNDS);
    run.record_read(None);
    run.target_read(active("r1", "1"));
    assert!(matches!(look(&mut run), Step::Write(_)));
    run.written();
    assert!(matches!(look(&mut run), Step::Put(_)));
    run.done();
    run.target_missing(Absence { seen: SEEN, is_confirmed: false });
    let marked = GrantState { missing_since: Some(SEEN), ..grant_state(Phase::Changing, "r1", "1") };
    assert_eq!(look(&mut run), Step::Write(marked));
    run.written();
    assert!(matches!(look(&mut run), Step::Finish(Finish { postponed: Some(Postponement::SecondLook), .. })));
}

#[test]
fn a_run_that_may_not_revoke_writes_nothing() {
    for reason in [Desired::Nothing, Desired::Refused(Refusal::AccountFull)] {
        let mut run = run_with(grant_state(Phase::Settled, "r1", "1"));
        run.target_read(Target { desired: reason.clone(), ..Target::NOTHING });
        assert_eq!(look(&mut run), Step::Admit(reason));
        run.postponed();
        let Step::Finish(finish) = look(&mut run) else { panic!("{:?}", run.next_step()) };
        assert_eq!((finish.postponed, finish.changed), (Some(Postponement::Brake), false));
    }
}

#[test]
fn only_a_run_that_takes_all_access_away_asks_first() {
    // Nothing is left to delete.
    let mut run = run_with(GrantState { former: BTreeSet::from([place("r1")]), ..GrantState::nothing() });
    run.target_read(deleted());
    assert!(matches!(look(&mut run), Step::Finish(Finish { postponed: None, .. })));
    // The role changes.
    let mut run = run_with(grant_state(Phase::Settled, "r1", "1"));
    run.target_read(active("r2", "1"));
    assert!(matches!(look(&mut run), Step::Write(_)));
}

#[test]
fn what_gives_no_access_is_deleted_without_asking() {
    let settled = GrantState { former: BTreeSet::from([place("r1")]), ..GrantState::nothing() };
    for (record, observed, asks) in [
        // A late call wrote after the access had been taken away.
        (Some(settled.clone()), Observed::Misplaced, false),
        // The run is for another name of an agreement, and another agreement of the role is being packed.
        (None, Observed::Unsettled, false),
        (None, Observed::Misplaced, true),
        (None, Observed::Present(Document::read("1")), true),
    ] {
        let mut run = new_run(ROUNDS);
        run.record_read(record);
        run.target_read(ended("r1"));
        while let Step::Look(place) = run.next_step() {
            run.looked(place, observed.clone());
        }
        let step = run.next_step();
        assert_eq!(matches!(step, Step::Admit(_)), asks, "{observed:?}: {step:?}");
        assert!(asks || matches!(step, Step::Write(_)), "{observed:?}: {step:?}");
    }
}

#[test]
fn the_id_of_a_role_is_remembered_after_its_access_is_taken_away() {
    let with_id = |id: &str| {
        let permission = Permission { role_id: Some(id.to_owned()), ..Document::read("1").into() };
        [Entitlement { place: place("r1"), permission }].into_iter().collect::<Entitlements>()
    };
    let ids = |id: &str| BTreeMap::from([(role_name("r1"), id.to_owned())]);
    // A record of an earlier version has the id only with what is granted.
    let mut run = run_with(GrantState { granted: with_id("AROAFORMER"), ..GrantState::nothing() });
    assert_eq!(run.role_ids(), ids("AROAFORMER"));
    run.target_read(deleted());
    assert!(matches!(look(&mut run), Step::Admit(_)));
    run.admitted();
    let Step::Write(intent) = look(&mut run) else { panic!("{:?}", run.next_step()) };
    assert_eq!((&intent.granted, &intent.role_ids), (Entitlements::NONE, &ids("AROAFORMER")));
    // Only access for another role of this name replaces it.
    let mut run = run_with(GrantState { phase: Phase::Settled, ..intent });
    assert_eq!(run.role_ids(), ids("AROAFORMER"));
    let desired = Desired::Grant(with_id("AROANOW"));
    run.target_read(Target { desired, ..active("r1", "1") });
    let Step::Write(intent) = look(&mut run) else { panic!("{:?}", run.next_step()) };
    assert_eq!(intent.role_ids, ids("AROANOW"));
}

#[test]
fn what_cannot_be_deleted_does_not_hold_up_the_other_deletions() {
    let granted = active_at(&["r1", "r2"], "1").desired.entitlements().clone();
    let mut run = run_with(GrantState { granted, ..GrantState::nothing() });
    run.target_read(deleted());
    assert!(matches!(look(&mut run), Step::Admit(_)));
    run.admitted();
    assert!(matches!(look(&mut run), Step::Write(_)));
    run.written();
    assert_eq!(run.next_step(), Step::Delete(place("r1")));
    run.not_deleted();
    assert_eq!(run.next_step(), Step::Delete(place("r2")));
}

#[test]
fn if_a_larger_document_finds_no_room_the_old_one_stays() {
    let text = |resources: &str| {
        format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":[{resources}]}}]}}"#)
    };
    let (old, new) = (text(r#""a""#), text(r#""a","b""#));
    let refusal = Refusal::RoleFull { role: role_name("r1") };
    let mut world = world(&[active("r1", &old)], 1, 0);
    alone(&mut world);
    let settled = world.record.clone();
    // Each later run tries again.
    for _ in 0..2 {
        let mut run = run_with(world.record.clone().unwrap());
        loop {
            match run.next_step() {
                Step::ReadTarget => run.target_read(active("r1", &new)),
                Step::Look(place) => run.looked(place.clone(), world.aws.get(&place).cloned().into()),
                Step::Write(record) => {
                    world.record = Some(record);
                    run.written();
                }
                Step::Put(entitlement) if entitlement.permission.document == Document::read(&new) => {
                    run.rejected(refusal.clone());
                }
                step @ Step::Put(_) => {
                    world.apply(&step);
                    run.done();
                }
                Step::Finish(finish) => {
                    assert!(finish.is_kept);
                    assert_eq!(finish.desired, Desired::Refused(refusal.clone()));
                    break;
                }
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(world.aws, wanted(&active("r1", &old)));
        assert_eq!(world.record, settled);
    }
}

#[test]
fn if_not_even_the_old_document_is_accepted_any_more_nothing_remains() {
    let text = |resources: &str| {
        format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":[{resources}]}}]}}"#)
    };
    let mut run = run_with(grant_state(Phase::Settled, "r1", &text(r#""a""#)));
    let refusal = Refusal::RoleFull { role: role_name("r1") };
    let mut deleted = Vec::new();
    loop {
        match look(&mut run) {
            Step::ReadTarget => run.target_read(active("r1", &text(r#""a","b""#))),
            Step::Admit(_) => run.admitted(),
            Step::Write(_) => run.written(),
            Step::Put(_) => run.rejected(refusal.clone()),
            Step::Delete(place) => {
                deleted.push(place);
                run.done();
            }
            Step::Finish(finish) => {
                assert_eq!((finish.desired, finish.is_kept), (Desired::Refused(refusal), false));
                break;
            }
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(deleted, [place("r1")]);
}
