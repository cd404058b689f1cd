//! Nobody gets more than its owner gave, in any landscape, however hostile.
//!
//! 100,000 random landscapes are decided. What comes out is judged by means that share nothing with the decision: the
//! resources are compared with the tags in the landscape, and an independent evaluator of IAM policies says what the role
//! can do. The landscapes are the same in every run. `PROPTEST_RNG_SEED=…` tries others, and a failure prints its seed and
//! the smallest landscape that fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a failure is a panic"
)]

mod evaluator;
mod expected;
mod landscape;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use dmm_access::guardrails::Guardrails;
use dmm_access::home::Home;
use dmm_access::ownership::Ownership;
use dmm_access::policy;
use dmm_access::port::{self, PortKind};
use dmm_access::size;
use dmm_access::target::{self, Context, Desired, Target};
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;

use evaluator::{Policy, Situation};
use expected::Expected;
use landscape::{ACCOUNT, Landscape};

/// How many landscapes each of the four tests decides.
const CASES: u32 = 25_000;
/// One of so many requests that must fail is made in each landscape.
const SAMPLE: usize = 16;
const BEFORE_THE_END: &str = "2026-11-28T12:00:00Z";
const AFTER_THE_END: &str = "2027-01-01T00:00:00Z";

/// The permission that is given in this landscape, if one is given.
fn decide(landscape: &Landscape) -> Target {
    let guardrails = Guardrails::new(landscape.settings.clone()).unwrap();
    let (agreement, consumer) = (&landscape.agreement, landscape.consumer.as_ref());
    let asked = target::resources(agreement, Some(&landscape.provider), None, &guardrails);
    let facts: BTreeMap<_, _> =
        landscape.facts.clone().into_iter().filter(|(arn, _)| asked.contains(arn)).collect();
    let context = Context {
        reference: target::consumer_role(&agreement.consumer, consumer, landscape.team.as_ref()),
        role: Some(&landscape.role),
        consumer,
        provider: Some(&landscape.provider),
        contract: None,
        facts: &facts,
        role_ids: &landscape.role_ids,
        guardrails: &guardrails,
    };
    Target::of(&landscape.asked, agreement, &context)
}

/// Decides the landscape of these bytes and judges the result. Returns whether access is given.
fn judge(bytes: &[u8]) -> bool {
    let landscape = Landscape::decode(bytes);
    let target = decide(&landscape);
    let Desired::Grant(entitlements) = target.desired else {
        assert!(target.desired.entitlements().is_empty() && target.findings.is_empty());
        return false;
    };
    assert!(landscape.agreement.is_in_force());
    assert!(
        landscape.settings.resource_ownership != Ownership::Require
            || target.findings.is_empty()
            || landscape.settings.role_ownership == Ownership::Report
    );
    assert!(!landscape.role.name.as_str().starts_with("dmm-"), "a role of the stack");
    assert!(!landscape.role.path.starts_with("/aws-"), "a role of AWS");
    check_role(&landscape);
    let (_, permission) = entitlements.iter().next().unwrap();
    assert_eq!(permission.role_id.as_ref(), Some(&landscape.role.id));
    let expected = Expected::of(&landscape);
    check_document(&landscape, permission.document.as_str(), &expected);
    assert_eq!(policy::could_be_ours(&permission.document), Ok(()));
    check_access(&landscape, permission.document.as_str(), &expected, bytes.len());
    true
}

/// The role belongs to the consumer.
fn check_role(landscape: &Landscape) {
    let tags = &landscape.role.tags;
    let has = |name: &str, value: &str| tags.get(name).is_some_and(|tag| tag == value);
    let by_product = landscape.agreement.raw()["consumer"]["dataProductId"] == "promotions";
    let is_owned = (by_product && has("dmm-data-product", "promotions")) || has("dmm-team", "marketing");
    let recreated = landscape.role_ids.values().any(|id| id == "AROAFORMER");
    assert!(is_owned || (landscape.settings.role_ownership != Ownership::Require && !recreated));
}

/// (a) Every resource is owned by the provider, (b) every action is in the list of the port's kind, (c) IAM accepts the
/// document, (d) nothing of the stack itself appears.
fn check_document(landscape: &Landscape, text: &str, expected: &Expected) {
    assert!(size::of(text) <= size::INLINE_TOTAL);
    assert!(text.chars().all(|character| (' '..='\u{ff}').contains(&character)), "{text}");
    let port = landscape.provider.output_ports("daily")[0];
    let kind: PortKind = port::read(port, None, &Home::default()).unwrap().kind;
    let actions: BTreeSet<&str> = kind.actions().collect();
    let document: Value = serde_json::from_str(text).unwrap();
    let mut sids = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        let sid = statement["Sid"].as_str().unwrap();
        assert!(sids.insert(sid) && sid.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{sid}");
        for action in list(&statement["Action"]) {
            assert!(actions.contains(action), "{action}");
        }
        for resource in list(&statement["Resource"]) {
            assert!(!resource.trim_end_matches("/*").contains(['*', '?', '$']), "{resource}");
            for own in ["dmm-state", "key/own", "role/"] {
                assert!(!resource.contains(own), "{resource}");
            }
            let is_checked = landscape.settings.resource_ownership == Ownership::Require;
            let carrier = resource.trim_end_matches("/*");
            assert!(!is_checked || landscape.is_owned(carrier, expected), "{resource}");
        }
        for keys in statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values()) {
            for values in keys.as_object().unwrap().values() {
                assert!(!list(values).is_empty());
            }
        }
    }
}

fn list(value: &Value) -> Vec<&str> {
    let texts: Vec<&str> = match value {
        Value::Array(many) => many.iter().map(|item| item.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    };
    assert!(!texts.is_empty());
    texts
}

/// The role can do what the port is for, nothing on anything else, and nothing once the agreement or a tag is gone.
fn check_access(landscape: &Landscape, document: &str, expected: &Expected, offset: usize) {
    for (data, results) in
        expected.data.iter().flat_map(|data| expected.results.iter().map(move |one| (data, one)))
    {
        assert!(!data.contains(&results.bucket, &results.prefix), "the results are in the data: {document}");
        assert!(!results.contains(&data.bucket, &data.prefix), "the data is in the results: {document}");
    }
    let policy = Policy::read(document);
    let now = Situation {
        time: BEFORE_THE_END,
        role_tags: &landscape.role.tags,
        resource_tags: &landscape.resources,
        resource_account: ACCOUNT,
    };
    let (nothing, no_tags) = (BTreeMap::new(), BTreeMap::new());
    let ended = Situation { time: AFTER_THE_END, ..now.clone() };
    let opted_out = Situation { role_tags: &no_tags, ..now.clone() };
    let untagged = Situation { resource_tags: &nothing, ..now.clone() };
    let elsewhere = Situation { resource_account: "999999999999", ..now.clone() };
    let any_account = landscape.settings.allowed_resource_accounts == ["*"];
    let allowed_here = landscape.allows_own_account();
    for (number, (request, is_for_port)) in requests::all(expected).into_iter().enumerate() {
        let is_expected = is_for_port && allowed_here;
        if !is_expected && !(number + offset).is_multiple_of(SAMPLE) {
            continue;
        }
        assert_eq!(policy.allows(&request, &now), is_expected, "{request:?} {document}");
        if !is_expected {
            continue;
        }
        let denied = |situation: &Situation<'_>, must_be: bool| {
            assert!(!must_be || !policy.allows(&request, situation), "{request:?} {situation:?} {document}");
        };
        denied(&ended, landscape.agreement.raw()["info"].get("endDate").is_some());
        denied(&opted_out, landscape.role.tags.contains_key("dmm-integration"));
        denied(&elsewhere, !any_account);
        // The database `default` is read in every query, whoever owns it.
        let tagged = request.tagged.as_deref().filter(|arn| !arn.ends_with(":database/default"));
        denied(&untagged, tagged.is_some_and(|arn| landscape.ends_with_tag(arn)));
    }
}

/// Judges random landscapes, and checks that access is given in some of them.
fn judge_many(stream: u64) {
    let seed = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => 20_261_128,
    }
    .wrapping_add(stream);
    let config = Config {
        cases: CASES,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let given = AtomicU32::new(0);
    let bytes = proptest::collection::vec(any::<u8>(), 80..200);
    let result = TestRunner::new(config).run(&bytes, |bytes| {
        let judged = std::panic::catch_unwind(|| judge(&bytes));
        match judged {
            Ok(is_given) => {
                given.fetch_add(u32::from(is_given), Ordering::Relaxed);
                Ok(())
            }
            Err(_) => Err(TestCaseError::fail(format!("{:#?}", Landscape::decode(&bytes)))),
        }
    });
    if let Err(error) = result {
        panic!("with PROPTEST_RNG_SEED={}: {error}", seed.wrapping_sub(stream));
    }
    let given = given.into_inner();
    println!("access is given in {given} of {CASES} landscapes");
    assert!(given > CASES / 20, "access is given in only {given} of {CASES} landscapes");
}

#[test]
fn in_random_landscapes_nobody_gets_more_than_its_owner_gave_1() {
    judge_many(0);
}

#[test]
fn in_random_landscapes_nobody_gets_more_than_its_owner_gave_2() {
    judge_many(1);
}

#[test]
fn in_random_landscapes_nobody_gets_more_than_its_owner_gave_3() {
    judge_many(2);
}

#[test]
fn in_random_landscapes_nobody_gets_more_than_its_owner_gave_4() {
    judge_many(3);
}

#[test]
fn in_a_sound_landscape_access_is_given() {
    assert!(judge(&[]));
}
