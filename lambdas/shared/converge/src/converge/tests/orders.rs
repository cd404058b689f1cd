//! Runs that are interrupted at any call, changes at any call, and two runs at once in any order.

use std::pin::pin;
use std::task::Poll;

use super::world::{State, deletion, poll, reference};
use super::*;

/// A change of the agreement or of what it depends on.
type Change = fn(&mut State);

/// What can happen to an agreement that is active, and what exists afterwards.
const CHANGES: [(Change, &[&str]); 5] = [
    (|_| {}, &[OURS]),
    (|state| state.set_active(false), &[]),
    (|state| state.agreements.clear(), &[]),
    (|state| state.set_role("other"), &["other/DMM_Access_a1"]),
    (|state| state.set_port("aws-bucket-arn", "arn:aws:s3:::orders-v2"), &[OURS]),
];

fn granted(world: &World) -> Vec<String> {
    world.state().granted()
}

/// A run that gives access and one that takes it away need fewer calls than this.
const LONGEST: usize = 60;

#[test]
fn the_retry_of_a_run_that_is_interrupted_at_any_call_repairs_everything() {
    for (change, expected) in CHANGES {
        let mut interruptions = 0;
        for at in 0..LONGEST {
            let world = World::new(Access);
            world.run_after_deletion(Access).unwrap();
            change(&mut world.state());
            interruptions += usize::from(world.interrupt(Access, at));
            world.run_after_deletion(Access).unwrap();
            assert_eq!(granted(&world), expected, "interrupted at {at}");
        }
        assert!(interruptions > 5 && interruptions < LONGEST, "{interruptions}");
    }
}

#[test]
fn the_retry_of_a_run_that_is_interrupted_while_the_agreement_changes_repairs_everything() {
    for (change, expected) in CHANGES {
        for at in 0..LONGEST {
            let world = World::new(Access);
            world.interrupt(Access, at);
            change(&mut world.state());
            world.run_after_deletion(Access).unwrap();
            assert_eq!(granted(&world), expected, "interrupted at {at}");
        }
    }
}

#[test]
fn after_a_change_at_any_moment_of_a_run_its_own_event_leads_to_the_right_result() {
    for (change, expected) in CHANGES {
        for at in 0..LONGEST {
            let world = World::new(Access);
            world.state().changes.insert(at, Box::new(change));
            world.run_after_deletion(Access).unwrap();
            let rest: Vec<_> = std::mem::take(&mut world.state().changes).into_values().collect();
            for change in rest {
                change(&mut world.state());
            }
            world.run_after_deletion(Access).unwrap();
            assert_eq!(granted(&world), expected, "changed at {at}");
        }
    }
}

#[test]
fn a_run_sees_an_end_of_the_agreement_before_its_second_read() {
    let world = World::new(Access);
    let calls = {
        world.run_after_deletion(Access).unwrap();
        world.state().take_calls()
    };
    let put = calls.iter().position(|call| call == "put_policy").unwrap();
    let world = World::new(Access);
    world.state().changes.insert(put + 1, Box::new(|state| state.set_active(false)));
    assert_eq!(world.run_after_deletion(Access).unwrap(), Outcome::Revoked);
    assert_eq!(granted(&world), Vec::<String>::new());
    assert_eq!(reports(&world), ["deprovisioned"]);
}

/// Runs two runs in turns: the first for `switches[0]` calls, the second for `switches[1]`, and so on; then the first to
/// its end, then the second. The change happens just before the second run starts, because that is its event.
fn interleave(world: &World, change: Change, switches: &[usize]) {
    let converger = world.converger();
    let (asked, cause) = (reference(Access), deletion());
    let mut first = pin!(converger.converge(&asked, None, &cause));
    let mut second = pin!(converger.converge(&asked, None, &cause));
    let (mut first_ended, mut second_ended) = (false, false);
    let mut changed = false;
    let all = switches.iter().copied().chain([usize::MAX, usize::MAX]);
    for (turn, calls) in all.enumerate() {
        for _ in 0..calls {
            let ended = if turn % 2 == 0 { &mut first_ended } else { &mut second_ended };
            if *ended {
                break;
            }
            if turn % 2 == 1 && !std::mem::replace(&mut changed, true) {
                change(&mut world.state());
            }
            let polled = if turn % 2 == 0 { poll(first.as_mut()) } else { poll(second.as_mut()) };
            if let Poll::Ready(outcome) = polled {
                outcome.unwrap();
                *ended = true;
            }
        }
    }
    assert!(first_ended && second_ended);
}

#[test]
fn two_runs_at_once_lead_to_the_right_result_in_any_order() {
    for (change, expected) in CHANGES {
        for first in 0..LONGEST / 3 {
            for second in 0..LONGEST / 3 {
                for third in [2, 7] {
                    let world = World::new(Access);
                    interleave(&world, change, &[first, second, third, 3]);
                    assert_eq!(granted(&world), expected, "{first} {second} {third}");
                }
            }
        }
    }
}

#[test]
fn two_runs_at_once_on_existing_access_lead_to_the_right_result() {
    for (change, expected) in CHANGES {
        for first in 0..LONGEST / 2 {
            for second in 0..LONGEST / 2 {
                let world = World::new(Access);
                world.run_after_deletion(Access).unwrap();
                interleave(&world, change, &[first, second]);
                assert_eq!(granted(&world), expected, "{first} {second}");
            }
        }
    }
}

#[test]
fn if_two_runs_overtake_each_other_the_last_report_is_the_right_one() {
    for first in 0..LONGEST / 2 {
        for second in 0..LONGEST / 2 {
            let world = World::new(Access);
            interleave(&world, |state| state.set_active(false), &[first, second]);
            let last = reports(&world).pop();
            assert!(last.is_none_or(|status| status == "deprovisioned"), "{first} {second}");
        }
    }
}
