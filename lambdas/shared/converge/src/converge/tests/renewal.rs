//! Entries of the evidence are deleted because of their age. What still applies is written again before.

use dmm_access::evidence::Outcome as Reported;
use jiff::Timestamp;

use super::evidence::{chain, check, now, outcomes, pass};
use super::world::MINUTES;
use super::*;

#[test]
fn access_that_lasts_longer_than_the_entries_is_renewed_with_its_beginning_and_its_cause() {
    MINUTES.set(0);
    let world = World::new(Access).keeping_entries_for_a_day();
    world.run(Access).unwrap();
    for _ in 0..10 {
        pass(&world, 360);
        check(&world).unwrap();
    }
    let chain = chain(&world);
    let last = chain.entries().next_back().unwrap();
    assert_eq!((last.outcome, last.sequence), (Reported::Renewed, 6));
    assert_eq!(chain.since(last), Timestamp::UNIX_EPOCH);
    assert_eq!(last.cause, Cause::default(), "the event that led to it, not the comparison");
    assert!(chain.entries().next().unwrap().sequence > 2, "the first entries were deleted");
    // An entry that was deleted too early is not copied.
    world.state().objects.retain(|key, _| !key.starts_with("evidence/"));
    pass(&world, 720);
    let entry = super::evidence::chain(&world).entries().next_back().unwrap().clone();
    assert_eq!((entry.outcome, entry.since()), (Reported::Existing, now()));
    MINUTES.set(0);
}

#[test]
fn what_ended_is_not_renewed() {
    MINUTES.set(0);
    let world = World::new(Access).keeping_entries_for_a_day();
    world.run(Access).unwrap();
    world.state().set_active(false);
    for _ in 0..5 {
        pass(&world, 720);
        check(&world).unwrap();
    }
    assert_eq!(outcomes(&world), []);
    MINUTES.set(0);
}
