//! Checks the packing of grants into managed policies in every reachable state.
//!
//! Two agreements of one role share managed policies. The role may opt out and in again: while it is out, IAM neither
//! attaches nor detaches a policy, and a policy that should not exist is emptied instead. The model drives production's own
//! [`dmm_access::packing::protocol::Packer`].

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::document::Document;
use dmm_access::name::PolicyName;
use dmm_access::packing::layout::empty_document;
use dmm_access::packing::protocol::{Limits, ObservedPolicy, Packer, PackingState, Step};
use dmm_access::refusal::Refusal;
use dmm_access::testing::{access, role_name};
use serde_json::{Value, json};
use stateright::{Checker, Model, Property};

use crate::{check, sorted};

/// Few rounds, as in the other model, and short documents, so that there are few and small states.
const LIMITS: Limits = Limits { rounds: 2, size: 100 };
/// How many managed policies the role may have. There are as many as grants, so that nothing is refused.
const SLOTS: usize = 2;

/// A part of the protocol that is left out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// The record is written even if another run has written it in the meantime.
    NoCondition,
    /// A run does not look at IAM if the record says that nothing is to be done.
    NoLook,
}

#[derive(Clone, Copy, Debug)]
struct PackingModel {
    changes: u8,
    crashes: u8,
    /// How often the role opts out or in.
    opts: u8,
    mistake: Mistake,
}

/// One call of `put` or `delete`, which is repeated until it has done what its agreement gives by then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Run {
    Working {
        of: usize,
        /// What the agreement gave when the run read it.
        wanted: Option<Document>,
        packer: Box<Packer>,
        is_current: bool,
    },
    /// It was interrupted, and a call that it had sent to IAM may still arrive.
    Lost { of: usize, late: Option<Step> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// What each of the agreements gives.
    given: [Option<Document>; 2],
    ever_given: BTreeSet<Document>,
    changes: u8,
    crashes: u8,
    opts: u8,
    has_opted_in: bool,
    record: Option<PackingState>,
    /// The managed policies, all of them attached.
    iam: BTreeMap<u32, Document>,
    runs: Vec<Run>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Change(usize, Option<Document>),
    Step(usize),
    Crash(usize),
    /// The role opts out, or in again.
    Opt,
    Land(usize),
    Retry(usize),
}

fn name(of: usize) -> PolicyName {
    PolicyName::of(&access(&format!("a{of}")))
}

fn grant(resource: &str) -> Document {
    Document::from(json!({ "Version": "2012-10-17", "Statement": [{ "Resource": resource }] }))
}

/// What the agreements can give. The small grant of the first one fits into one policy together with the grant of the
/// second one; the large grant does not.
fn grants(of: usize) -> Vec<Option<Document>> {
    match of {
        0 => vec![None, Some(grant("s")), Some(grant("so-large-that-they-do-not-fit"))],
        _ => vec![None, Some(grant("the-other"))],
    }
}

/// The resources in these documents.
fn resources<'a>(documents: impl Iterator<Item = &'a Document>) -> Vec<String> {
    let mut found = Vec::new();
    for document in documents {
        let value = Value::from(document.clone());
        let statements = value["Statement"].as_array().expect("statements");
        found.extend(statements.iter().map(|statement| statement["Resource"].to_string()));
    }
    found.sort();
    found
}

impl World {
    fn run(&self, of: usize) -> Run {
        let wanted = self.given[of].clone();
        let packer = Box::new(Packer::new(name(of), wanted.clone(), LIMITS));
        Run::Working { of, wanted, packer, is_current: false }
    }

    /// While the role is out, nothing exists that the agreements do not give. Otherwise, exactly what they give exists.
    fn is_right(&self) -> bool {
        let given = resources(self.given.iter().flatten());
        if self.has_opted_in {
            return resources(self.iam.values()) == given;
        }
        let permitted = self.iam.values().filter(|document| **document != empty_document());
        resources(permitted).iter().all(|resource| given.contains(resource))
    }

    /// Makes the call to IAM, and returns whether IAM accepts it.
    fn reach_iam(&mut self, step: &Step) -> bool {
        match step {
            // A version is written in any case, but only an attached policy has an effect.
            Step::Put(number, document) if self.has_opted_in || self.iam.contains_key(number) => {
                self.iam.insert(*number, document.clone());
            }
            Step::Delete(number) if self.has_opted_in => drop(self.iam.remove(number)),
            Step::Delete(number) => {
                if let Some(document) = self.iam.get_mut(number) {
                    *document = empty_document();
                }
            }
            _ => {}
        }
        self.has_opted_in || !matches!(step, Step::Put(..))
    }

    fn step(&mut self, at: usize, mistake: Mistake) {
        let Run::Working { of, wanted, mut packer, mut is_current } = self.runs[at].clone() else { return };
        let step = packer.next_step();
        let is_accepted = self.reach_iam(&step);
        match step {
            Step::ReadRecord => {
                is_current = true;
                packer.record_read(self.record.clone().unwrap_or_default());
            }
            Step::CountSlots => packer.slots_counted(SLOTS),
            Step::Look(number) => {
                let says = self.record.as_ref().and_then(|pack| pack.layout.document(number));
                let exists =
                    self.iam.get(&number).filter(|found| self.has_opted_in || **found != empty_document());
                let document = if mistake == Mistake::NoLook { says } else { exists.cloned() };
                let is_attached = document.is_some();
                packer.looked(number, ObservedPolicy { document, is_attached });
            }
            Step::Write(pack) if is_current || mistake == Mistake::NoCondition => {
                packer.written();
                self.record = Some(pack);
                for other in &mut self.runs {
                    if let Run::Working { is_current, .. } = other {
                        *is_current = false;
                    }
                }
                is_current = true;
            }
            Step::Write(_) => packer.conflict(),
            Step::Put(..) if !is_accepted => {
                packer.rejected(Refusal::RoleNotOptedIn { role: role_name("consumer") });
            }
            Step::Put(..) | Step::Delete(_) => packer.done(),
            Step::Finish(_) if wanted == self.given[of] => {
                self.runs.remove(at);
                return;
            }
            // The agreement has changed in the meantime, or Lambda repeats the event.
            Step::Finish(_) | Step::GiveUp => {
                self.runs[at] = self.run(of);
                return;
            }
        }
        self.runs[at] = Run::Working { of, wanted, packer, is_current };
    }
}

const RIGHT: &str = "in every quiet state, the managed policies hold exactly what the agreements give";
const GIVEN: &str = "nothing ever exists that no agreement ever gave";

impl Model for PackingModel {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            given: [None, None],
            ever_given: BTreeSet::new(),
            changes: self.changes,
            crashes: self.crashes,
            opts: self.opts,
            has_opted_in: true,
            record: None,
            iam: BTreeMap::new(),
            runs: Vec::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for of in [0, 1].into_iter().filter(|_| world.changes > 0) {
            let others = grants(of).into_iter().filter(|grant| *grant != world.given[of]);
            actions.extend(others.map(|grant| Action::Change(of, grant)));
        }
        actions.extend((world.opts > 0).then_some(Action::Opt));
        for (at, run) in world.runs.iter().enumerate() {
            match run {
                Run::Working { .. } => {
                    actions.push(Action::Step(at));
                    actions.extend((world.crashes > 0).then_some(Action::Crash(at)));
                }
                Run::Lost { late: Some(_), .. } => actions.push(Action::Land(at)),
                Run::Lost { late: None, .. } => actions.push(Action::Retry(at)),
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Change(of, grant) => {
                world.ever_given.extend(grant.clone());
                world.given[of] = grant;
                world.changes -= 1;
                world.runs.push(world.run(of));
            }
            Action::Step(at) => world.step(at, self.mistake),
            Action::Crash(at) => {
                if let Run::Working { of, packer, .. } = &world.runs[at] {
                    let step = packer.next_step();
                    let late = matches!(step, Step::Put(..) | Step::Delete(_)).then_some(step);
                    world.crashes -= 1;
                    world.runs[at] = Run::Lost { of: *of, late };
                }
            }
            Action::Opt => {
                world.has_opted_in = !world.has_opted_in;
                world.opts -= 1;
                // Opting out causes no event. Sooner or later after that, an agreement is compared with IAM again.
                if world.has_opted_in {
                    world.runs.push(world.run(0));
                }
            }
            Action::Land(at) => {
                if let Run::Lost { of, late: Some(step) } = world.runs[at].clone() {
                    world.reach_iam(&step);
                    world.runs[at] = Run::Lost { of, late: None };
                }
            }
            Action::Retry(at) => {
                if let Run::Lost { of, .. } = world.runs[at] {
                    world.runs[at] = world.run(of);
                }
            }
        }
        sorted(&mut world.runs);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RIGHT, |_, world: &World| !world.runs.is_empty() || world.is_right()),
            Property::always(GIVEN, |_, world: &World| {
                let given = resources(world.ever_given.iter());
                let permitted = world.iam.values().filter(|document| **document != empty_document());
                resources(permitted).iter().all(|resource| given.contains(resource))
            }),
            Property::sometimes("two grants share a policy", |_, world: &World| {
                world.iam.values().any(|document| resources([document].into_iter()).len() == 2)
            }),
            Property::sometimes("two policies exist at once", |_, world: &World| world.iam.len() == 2),
            Property::sometimes("two runs are working at once", |_, world: &World| world.runs.len() > 1),
            Property::sometimes(
                "a policy is emptied if the role opts out",
                |model: &PackingModel, world: &World| {
                    model.opts == 0 || world.iam.values().any(|document| *document == empty_document())
                },
            ),
        ]
    }
}

fn label(model: PackingModel) -> String {
    let PackingModel { changes, crashes, opts, mistake } = model;
    format!("packing, {changes} changes, {crashes} crashes, {opts} times out or in, {mistake:?}")
}

fn assert_sound(changes: u8, crashes: u8, opts: u8) {
    let model = PackingModel { changes, crashes, opts, mistake: Mistake::None };
    let checker = check(&label(model), model);
    assert!(checker.is_done(), "every state was visited");
    checker.assert_properties();
}

fn assert_needed(mistake: Mistake) {
    let model = PackingModel { changes: 2, crashes: 1, opts: 0, mistake };
    let path = check(&label(model), model).discovery(RIGHT).expect("the mistake leads to a wrong state");
    println!("{mistake:?} goes wrong after {} actions", path.into_actions().len());
}

#[test]
fn managed_policies_end_up_with_what_their_agreements_give() {
    assert_sound(2, 1, 0);
}

#[test]
fn two_interrupted_packing_runs_lead_to_the_same_result() {
    assert_sound(2, 2, 0);
}

#[test]
fn access_ends_although_the_role_opts_out() {
    assert_sound(2, 0, 1);
}

#[test]
fn without_the_condition_one_run_overwrites_what_another_packed() {
    assert_needed(Mistake::NoCondition);
}

#[test]
fn without_a_look_at_iam_the_effect_of_a_late_call_remains() {
    assert_needed(Mistake::NoLook);
}
