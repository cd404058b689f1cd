//! Complete patterns: several fields, `$or`, arrays, and the reasons for a mismatch. The cases are from the README of
//! <https://github.com/aws/event-ruler>.

#![expect(clippy::expect_used, reason = "test helpers: a panic fails the test")]

use dmm_rules::{Event, Pattern};
use serde_json::{Value, json};

fn pattern(value: &Value) -> Pattern {
    Pattern::parse(&value.to_string()).expect("a pattern")
}

fn matches(wanted: &Value, event: &Value) -> bool {
    pattern(wanted).check(&Event::from(event)).is_ok()
}

fn reasons(wanted: &Value, event: &Value) -> Vec<String> {
    pattern(wanted).check(&Event::from(event)).expect_err("a mismatch").reasons().to_vec()
}

fn instance() -> Value {
    json!({
        "version": "0", "id": "0d4ffc3b", "source": "aws.ec2", "time": "2017-10-02T16:24:49Z",
        "detail-type": "EC2 Instance State-change Notification",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1", "arn:aws:ec2:us-east-1:123456789012:instance/i-2"],
        "detail": {"c-count": 5, "d-count": 3, "x-limit": 301.8, "source-ip": "10.0.0.33", "state": "running"},
    })
}

#[test]
fn all_fields_must_fit() {
    let wanted = json!({
        "time": [{"prefix": "2017-10-02"}],
        "detail": {
            "state": [{"anything-but": "initializing"}],
            "c-count": [{"numeric": [">", 0, "<=", 5]}],
            "d-count": [{"numeric": ["<", 10]}],
            "x-limit": [{"anything-but": [100, 200, 300]}],
            "source-ip": [{"cidr": "10.0.0.0/8"}],
        },
    });
    assert!(matches(&wanted, &instance()));
    for (member, value) in [
        ("state", json!("initializing")),
        ("c-count", json!(6)),
        ("d-count", json!(10)),
        ("x-limit", json!(200)),
        ("source-ip", json!("11.0.0.1")),
    ] {
        let mut event = instance();
        event["detail"][member] = value;
        let why = reasons(&wanted, &event);
        assert!(why.len() == 1 && why[0].starts_with(&format!("detail.{member} is ")), "{why:?}");
    }
}

#[test]
fn of_an_array_one_value_must_fit() {
    assert!(matches(&json!({"resources": [{"suffix": "/i-2"}]}), &instance()));
    assert!(!matches(&json!({"resources": [{"suffix": "/i-3"}]}), &instance()));
    // This applies to anything-but, too: i-2 is not i-1.
    assert!(matches(&json!({"resources": [{"anything-but": {"suffix": "/i-1"}}]}), &instance()));
}

#[test]
fn fields_in_an_array_must_be_of_the_same_element() {
    let employees = json!({"employees": [
        {"firstName": "John", "lastName": "Doe"},
        {"firstName": "Anna", "lastName": "Smith"},
        {"firstName": "Peter", "lastName": "Jones"},
    ]});
    let nested = json!({"employees": [
        [{"firstName": "John", "lastName": "Doe"}, {"firstName": "Anna", "lastName": "Smith"}],
        [{"firstName": "Peter", "lastName": "Jones"}],
    ]});
    for event in [&employees, &nested] {
        assert!(matches(&json!({"employees": {"firstName": ["Anna"]}}), event));
        assert!(matches(&json!({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}), event));
        let wanted = json!({"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}});
        assert_eq!(
            reasons(&wanted, event),
            ["each field matches by itself, but not in the same element of an array: employees.firstName, \
              employees.lastName"]
        );
    }
}

#[test]
fn fields_of_different_arrays_are_independent() {
    let event = json!({"a": [{"x": 1}, {"x": 2}], "b": [{"y": 1}, {"y": 2}]});
    assert!(matches(&json!({"a": {"x": [1]}, "b": {"y": [2]}}), &event));
}

#[test]
fn an_absent_field_must_be_absent_from_every_element() {
    let event = json!({"a": [{"x": 1}, {"y": 2}]});
    assert!(!matches(&json!({"a": {"x": [{"exists": false}], "y": [2]}}), &event));
    assert!(matches(&json!({"a": {"z": [{"exists": false}], "y": [2]}}), &event));
}

#[test]
fn a_field_may_be_absent_from_the_element_that_matches_so_far() {
    // Fields are looked at in the order of their names.
    let event = json!({"a": [{"y": 2}, {"z": 1}, {"x": 1}]});
    assert!(matches(&json!({"a": {"y": [2], "z": [{"exists": false}]}}), &event));
    assert!(!matches(&json!({"a": {"y": [2], "x": [{"exists": false}]}}), &event));
    assert_eq!(
        reasons(&json!({"a": {"y": [2], "x": [{"exists": false}]}}), &event),
        ["a.x is 1, but must be absent"]
    );
}

#[test]
fn a_value_in_an_array_is_independent_of_the_objects_in_it() {
    let event = json!({"a": [1, {"b": 2}]});
    assert!(matches(&json!({"a": [1], "a.b": [2]}), &event));
}

#[test]
fn members_that_occur_twice_all_count_but_of_the_same_field_the_last() {
    let check = |pattern: &str, event: Value| {
        Pattern::parse(pattern).expect("a pattern").check(&Event::from(&event)).is_ok()
    };
    let both = r#"{"detail": {"a": ["x"]}, "detail": {"b": ["y"]}}"#;
    assert!(check(both, json!({"detail": {"a": "x", "b": "y"}})));
    assert!(!check(both, json!({"detail": {"a": "NO", "b": "y"}})));
    let last = r#"{"a": [1], "a": [2]}"#;
    assert!(check(last, json!({"a": 2})) && !check(last, json!({"a": 1})));
    let event = Event::parse(r#"{"a": 1, "a": 2}"#).expect("an event");
    assert!(
        pattern(&json!({"a": [1]})).check(&event).is_ok()
            && pattern(&json!({"a": [2]})).check(&event).is_ok()
    );
}

#[test]
fn or_is_the_name_of_a_field_if_no_alternatives_follow() {
    let nested = json!({"source": ["x"], "$or": {"a": [1]}});
    assert!(matches(&nested, &json!({"source": "x", "$or": {"a": 1}})));
    assert!(!matches(&nested, &json!({"source": "x", "a": 1})));
    assert!(matches(&json!({"$or": [{"prefix": "a"}, {"suffix": "b"}]}), &json!({"$or": "xb"})));
}

#[test]
fn an_alternative_is_ignored_that_repeats_a_value_of_an_earlier_one_for_each_field() {
    let repeated = json!({"$or": [{"a": ["x", "y"]}, {"a": ["x", "z"]}]});
    assert!(matches(&repeated, &json!({"a": "y"})) && !matches(&repeated, &json!({"a": "z"})));
    let different = json!({"$or": [{"a": ["x", "y"]}, {"a": ["z"]}]});
    assert!(matches(&different, &json!({"a": "z"})));
    let another_field = json!({"$or": [{"a": ["x", "y"]}, {"a": ["x", "z"], "b": [1]}]});
    assert!(matches(&another_field, &json!({"a": "z", "b": 1})));
}

#[test]
fn one_alternative_of_or_must_fit() {
    let wanted = json!({
        "source": ["aws.cloudwatch"],
        "$or": [
            {"metricName": ["CPUUtilization", "ReadLatency"]},
            {"metricType": ["MetricType"], "namespace": ["AWS/EC2"], "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]},
            {"scope": ["Service"]},
        ],
    });
    let event = |more: Value| {
        let mut event = json!({"source": "aws.cloudwatch"});
        event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        event
    };
    assert!(matches(&wanted, &event(json!({"metricName": "ReadLatency"}))));
    assert!(matches(&wanted, &event(json!({"scope": "Service"}))));
    assert!(matches(
        &wanted,
        &event(json!({"metricType": "MetricType", "namespace": "AWS/EC2", "spaceId": 1000}))
    ));
    assert!(!matches(&wanted, &event(json!({"metricType": "MetricType", "namespace": "AWS/EC2"}))));
    assert!(!matches(&wanted, &event(json!({}))));
    assert!(!matches(&wanted, &json!({"source": "aws.ec2", "scope": "Service"})));
}

#[test]
fn several_ors_combine() {
    let wanted = json!({
        "$or": [{"a": [1]}, {"b": [1]}],
        "detail": {"$or": [{"c": [1]}, {"d": [1]}]},
    });
    assert!(matches(&wanted, &json!({"b": 1, "detail": {"c": 1}})));
    assert!(!matches(&wanted, &json!({"b": 1, "detail": {"e": 1}})));
    assert!(!matches(&wanted, &json!({"b": 1, "c": 1})));
}

#[test]
fn dots_in_names_and_nesting_are_the_same() {
    let nested = json!({"detail": {"state": {"status": "running"}}});
    let dotted = json!({"detail": {"state.status": "running"}});
    for wanted in [
        json!({"detail": {"state": {"status": ["running"]}}}),
        json!({"detail": {"state.status": ["running"]}}),
    ] {
        assert!(matches(&wanted, &nested) && matches(&wanted, &dotted));
    }
}

#[test]
fn a_mismatch_says_what_is_found_and_what_is_wanted() {
    let event = json!({
        "detail-type": "AccessActivatedEvent",
        "detail": {"data": {"id": "a", "count": "5", "tags": ["x", "y"], "more": {"n": 1}, "number": 3.0}},
    });
    for (wanted, reason) in [
        (
            json!({"detail-type": ["A", {"suffix": "DeletedEvent"}]}),
            "detail-type is \"AccessActivatedEvent\", but must be \"A\" or end with \"DeletedEvent\"",
        ),
        (
            json!({"detail": {"data": {"count": [{"numeric": [">", 0, "<", 9]}]}}}),
            "detail.data.count is \"5\" (a string; numeric compares numbers only), but must be a number > 0 and < 9",
        ),
        (
            json!({"detail": {"data": {"tags": ["z"]}}}),
            "detail.data.tags is one of \"x\", \"y\", but one must be \"z\"",
        ),
        (
            json!({"detail": {"data": {"more": [{"exists": true}]}}}),
            "detail.data.more is an object (EventBridge compares leaves only), but must be present",
        ),
        (
            json!({"detail": {"data": {"id": [{"exists": false}]}}}),
            "detail.data.id is \"a\", but must be absent",
        ),
        (
            json!({"detail": {"data": {"id": [{"anything-but": {"prefix": ["a", "b"]}}]}}}),
            "detail.data.id is \"a\", but must not begin with \"a\" or begin with \"b\"",
        ),
        (json!({"detail": {"data": {"number": [4]}}}), "detail.data.number is 3.0, but must be 4"),
        (
            json!({"detail": {"team": [{"wildcard": "*-eu"}]}}),
            "detail.team is missing, but must match \"*-eu\"",
        ),
    ] {
        assert_eq!(reasons(&wanted, &event), [reason]);
    }
}

#[test]
fn what_is_in_the_way_of_every_alternative_is_said_once() {
    let wanted = json!({"source": ["x"], "$or": [{"a": [1]}, {"b": [2]}]});
    assert_eq!(
        reasons(&wanted, &json!({"source": "y", "a": 1})),
        ["source is \"y\", but must be \"x\"", "alternative 2: b is missing, but must be 2"]
    );
}
