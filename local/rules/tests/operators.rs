//! Every operator, tested on the cases in its documentation:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>.

#![expect(clippy::expect_used, reason = "test helpers: a panic fails the test")]

use dmm_rules::{Event, Pattern};
use serde_json::{Value, json};

/// Returns whether the field `f` of an event matches a list of operators.
fn fits(operators: &Value, value: &Value) -> bool {
    let pattern = Pattern::parse(&json!({ "f": operators }).to_string()).expect("a pattern");
    pattern.check(&Event::from(&json!({ "f": value }))).is_ok()
}

#[track_caller]
fn assert_fits(operators: &Value, fitting: &[Value], others: &[Value]) {
    for value in fitting {
        assert!(fits(operators, value), "{operators} should fit {value}");
    }
    for value in others {
        assert!(!fits(operators, value), "{operators} should not fit {value}");
    }
}

#[test]
fn a_value_fits_when_it_is_one_of_the_list() {
    assert_fits(
        &json!(["aws.ec2", "aws.fargate"]),
        &[json!("aws.fargate")],
        &[json!("aws.EC2"), json!("aws")],
    );
    assert_fits(&json!([true]), &[json!(true)], &[json!("true"), json!(1)]);
    assert_fits(&json!([5]), &[json!(5)], &[json!("5"), json!(6)]);
}

#[test]
fn the_values_of_numbers_are_compared() {
    // AWS answers so, although the user guide says that 300, 300.0 and 3.0e2 are not equal.
    assert_fits(&json!([300]), &[json!(300), json!(300.0), json!(3.0e2)], &[json!("300"), json!(301)]);
    assert_fits(
        &json!([{"numeric": ["=", 300]}]),
        &[json!(300), json!(300.0), json!(3.0e2)],
        &[json!("300")],
    );
}

#[test]
fn numbers_that_floating_point_does_not_represent_are_compared_as_they_are_written() {
    let check = |pattern: &str, value: &str| {
        let pattern = Pattern::parse(&format!(r#"{{"f": [{pattern}]}}"#)).expect("a pattern");
        pattern.check(&Event::parse(&format!(r#"{{"f": {value}}}"#)).expect("an event")).is_ok()
    };
    for number in ["1e400", "9007199254740993", "12345678901234567890"] {
        assert!(check(number, number), "{number}");
    }
    for (pattern, value) in [
        ("1e400", "1E400"),
        ("9007199254740993", "9007199254740992"),
        ("9007199254740992", "9007199254740993"),
        ("12345678901234567890", "12345678901234567890.0"),
        (r#"{"numeric": [">", 0]}"#, "1e400"),
    ] {
        assert!(!check(pattern, value), "{pattern} {value}");
    }
    assert!(check(r#"{"anything-but": 5}"#, "1e400"));
}

#[test]
fn null_the_empty_string_and_an_absent_field_are_three_things() {
    assert_fits(&json!([null]), &[Value::Null], &[json!(""), json!("null")]);
    assert_fits(&json!([""]), &[json!("")], &[Value::Null, json!(" ")]);
    let pattern = Pattern::parse(r#"{"f": [null]}"#).expect("a pattern");
    assert!(pattern.check(&Event::from(&json!({}))).is_err());
}

#[test]
fn prefix() {
    assert_fits(
        &json!([{"prefix": "2017-10-02"}]),
        &[json!("2017-10-02T18:43:48Z"), json!("2017-10-02")],
        &[json!("2017-10-0"), json!("x2017-10-02"), json!(2017), Value::Null],
    );
    assert_fits(
        &json!([{"prefix": {"equals-ignore-case": "EventB"}}]),
        &[json!("eventbridge"), json!("EVENTBRIDGE")],
        &[json!("event"), json!("an eventbridge")],
    );
}

#[test]
fn suffix() {
    assert_fits(
        &json!([{"suffix": ".png"}]),
        &[json!("a.png"), json!(".png")],
        &[json!("a.PNG"), json!("a.png ")],
    );
    assert_fits(
        &json!([{"suffix": {"equals-ignore-case": ".PNG"}}]),
        &[json!("a.png"), json!("a.PnG")],
        &[json!("png")],
    );
}

#[test]
fn equals_ignore_case() {
    assert_fits(
        &json!([{"equals-ignore-case": "alice"}]),
        &[json!("Alice"), json!("ALICE")],
        &[json!("Alices"), json!(1)],
    );
    assert_fits(&json!([{"equals-ignore-case": "ÄRGER"}]), &[json!("ärger")], &[json!("arger")]);
}

#[test]
fn wildcard() {
    assert_fits(
        &json!([{"wildcard": "dir/*.png"}]),
        &[json!("dir/a.png"), json!("dir/.png"), json!("dir/sub/b.png.png")],
        &[json!("dir/a.pngx"), json!("xdir/a.png"), json!(1)],
    );
    assert_fits(&json!([{"wildcard": "*/lib/*"}]), &[json!("/usr/lib/x"), json!("/lib/")], &[json!("lib/x")]);
    assert_fits(
        &json!([{"wildcard": "Simple*Service"}]),
        &[json!("SimpleQueueService")],
        &[json!("SimpleServic")],
    );
    assert_fits(&json!([{"wildcard": "*"}]), &[json!(""), json!("x")], &[Value::Null]);
    // The pieces must not overlap.
    assert_fits(&json!([{"wildcard": "ab*ba"}]), &[json!("abba"), json!("abxba")], &[json!("aba")]);
    assert_fits(&json!([{"wildcard": "a*b*b"}]), &[json!("abb"), json!("axbxb")], &[json!("ab")]);
}

#[test]
fn a_wildcard_can_be_escaped() {
    assert_fits(&json!([{"wildcard": r"a\*b*"}]), &[json!("a*b"), json!("a*bc")], &[json!("axb")]);
    assert_fits(&json!([{"wildcard": r"a\\*"}]), &[json!(r"a\"), json!(r"a\b")], &[json!("a*")]);
    assert_fits(&json!([{"wildcard": r"a\**c"}]), &[json!("a*bc"), json!("a*c")], &[json!("abc")]);
}

#[test]
fn anything_but_values() {
    assert_fits(
        &json!([{"anything-but": "initializing"}]),
        &[json!("running"), json!("Initializing"), json!(5), json!(true), Value::Null],
        &[json!("initializing")],
    );
    assert_fits(&json!([{"anything-but": 123}]), &[json!(124), json!("123")], &[json!(123), json!(123.0)]);
    assert_fits(
        &json!([{"anything-but": ["stopped", "overloaded"]}]),
        &[json!("running")],
        &[json!("stopped"), json!("overloaded")],
    );
    assert_fits(&json!([{"anything-but": [100, 200, 300]}]), &[json!(101)], &[json!(200), json!(3e2)]);
    // A missing field does not match.
    let pattern = Pattern::parse(r#"{"f": [{"anything-but": "x"}]}"#).expect("a pattern");
    assert!(pattern.check(&Event::from(&json!({"g": 1}))).is_err());
}

#[test]
fn anything_but_texts() {
    assert_fits(
        &json!([{"anything-but": {"prefix": "init"}}]),
        &[json!("run"), json!(5)],
        &[json!("initial")],
    );
    assert_fits(
        &json!([{"anything-but": {"prefix": ["init", "error"]}}]),
        &[json!("run")],
        &[json!("initial"), json!("errors")],
    );
    assert_fits(&json!([{"anything-but": {"suffix": ".txt"}}]), &[json!("a.png")], &[json!("a.txt")]);
    assert_fits(
        &json!([{"anything-but": {"suffix": [".txt", ".rtf"]}}]),
        &[json!("a.png")],
        &[json!("a.txt"), json!("a.rtf")],
    );
    assert_fits(
        &json!([{"anything-but": {"equals-ignore-case": "initializing"}}]),
        &[json!("running")],
        &[json!("INITIALIZING")],
    );
    assert_fits(
        &json!([{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]),
        &[json!("running")],
        &[json!("Stopped"), json!("initializing")],
    );
    assert_fits(
        &json!([{"anything-but": {"wildcard": "*/lib/*"}}]),
        &[json!("/usr/bin")],
        &[json!("/usr/lib/x")],
    );
    for operator in ["wildcard", "equals-ignore-case"] {
        assert_fits(&json!([{"anything-but": {operator: ""}}]), &[json!("a"), json!(5)], &[json!("")]);
        assert_fits(
            &json!([{"anything-but": {operator: ["", "b"]}}]),
            &[json!("a")],
            &[json!(""), json!("b")],
        );
    }
    assert_fits(
        &json!([{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]),
        &[json!("/usr/share/x")],
        &[json!("/usr/lib/x"), json!("/usr/bin/x")],
    );
}

#[test]
fn numeric() {
    assert_fits(
        &json!([{"numeric": [">", 0, "<=", 5]}]),
        &[json!(5), json!(0.000_001), json!(5.0)],
        &[json!(0), json!(5.000_001), json!("3"), json!(-1), Value::Null],
    );
    assert_fits(
        &json!([{"numeric": ["<", 10]}]),
        &[json!(9.999_999), json!(-5.0e9), json!(-5.1e9), json!(-1e300)],
        &[json!(10)],
    );
    assert_fits(
        &json!([{"numeric": [">=", 10]}]),
        // The user guide limits numbers to 5e9, which EventBridge's engine does not do any more.
        &[json!(10), json!(5.0e9), json!(5_000_000_001_i64), json!(1_700_000_000_000_i64)],
        &[json!(9)],
    );
    assert_fits(&json!([{"numeric": ["=", 3.018e2]}]), &[json!(301.8)], &[json!(301.9)]);
    assert_fits(&json!([{"numeric": ["=", 1]}]), &[json!(1.0)], &[json!(1.000_000_1)]);
    assert_fits(&json!([{"numeric": [">", 1e12]}]), &[json!(1_700_000_000_000_i64)], &[json!(1e12)]);
}

#[test]
fn cidr() {
    assert_fits(
        &json!([{"cidr": "10.0.0.0/24"}]),
        &[json!("10.0.0.0"), json!("10.0.0.255")],
        &[json!("10.0.1.0"), json!("::ffff:10.0.0.1"), json!("10.0.0"), json!("10.0.0.256"), json!(10)],
    );
    assert_fits(&json!([{"cidr": "10.0.0.6/31"}]), &[json!("10.0.0.7")], &[json!("10.0.0.8")]);
    assert_fits(&json!([{"cidr": "10.0.0.0/8/"}]), &[json!("010.0.0.7")], &[json!("11.0.0.0")]);
    assert_fits(&json!([{"cidr": "0.0.0.0/0"}]), &[json!("203.0.113.1")], &[json!("x"), Value::Null]);
    assert_fits(&json!([{"cidr": "2001:db8::/32"}]), &[json!("2001:DB8:0:1::5")], &[json!("2001:db9::")]);
    assert_fits(&json!([{"cidr": "::/0"}]), &[json!("::1"), json!("127.0.0.1")], &[json!("x")]);
    // An IPv6 address that contains an IPv4 address is that address.
    assert_fits(&json!([{"cidr": "10.0.0.0/8"}]), &[json!("::ffff:a00:1")], &[json!("::ffff:b00:1")]);
}

#[test]
fn addresses_are_compared_digit_by_digit_also_those_of_another_kind() {
    assert_fits(&json!([{"cidr": "10.0.0.0/8"}]), &[json!("a00::1")], &[json!("b00::1")]);
    assert_fits(&json!([{"cidr": "16.0.0.0/4"}]), &[json!(15), json!("17.0.0.1")], &[json!(1), json!(21)]);
    // Not if an operator of the field compares the values of numbers.
    assert_fits(&json!([{"cidr": "16.0.0.0/4"}, {"numeric": ["<", 0]}]), &[json!(-1)], &[json!(15)]);
}

#[test]
fn a_string_that_is_an_address_fits_every_notation_of_it() {
    assert_fits(&json!(["::1"]), &[json!("::1"), json!("0:0:0:0:0:0:0:1")], &[json!("::2"), json!(1)]);
    assert_fits(&json!(["10.0.0.1"]), &[json!("10.0.0.1"), json!("::ffff:a00:1")], &[json!("10.0.0.2")]);
    assert_fits(&json!([{"exactly": "::1"}]), &[json!("::1")], &[json!("0:0:0:0:0:0:0:1")]);
}

#[test]
fn quotation_marks_belong_to_a_string() {
    assert_fits(&json!([{"prefix": "a\""}]), &[json!("a"), json!("a\"b")], &[json!("ab")]);
    assert_fits(&json!([{"suffix": "\"a"}]), &[json!("a"), json!("b\"a")], &[json!("ba")]);
}

#[test]
fn characters_with_special_cases() {
    let equal = |text: &str| json!([{"equals-ignore-case": text}]);
    assert_fits(&equal("ß"), &[json!("ß"), json!("SS")], &[json!("ss"), json!("s")]);
    assert_fits(&equal("SS"), &[json!("ss"), json!("sS")], &[json!("ß")]);
    assert_fits(&equal("ς"), &[json!("ς"), json!("Σ")], &[json!("σ")]);
    assert_fits(&equal("😀"), &[json!("??")], &[json!("😀")]);
    assert_fits(
        &json!([{"suffix": {"equals-ignore-case": "aß"}}]),
        &[json!("xASS"), json!("aß")],
        &[json!("ass"), json!("ßa")],
    );
}

#[test]
fn exists_is_about_leaves() {
    let check = |wanted: bool, event: &Value| {
        let pattern = json!({"detail": {"c-count": [{"exists": wanted}]}}).to_string();
        Pattern::parse(&pattern).expect("a pattern").check(&Event::from(event)).is_ok()
    };
    for (event, present) in [
        (json!({"detail": {"c-count": 5}}), true),
        (json!({"detail": {"c-count": null}}), true),
        (json!({"detail": {"c-count": [1, 2]}}), true),
        (json!({"detail": {"c-count": []}}), false),
        (json!({"detail": {"c-count": {}}}), false),
        (json!({"detail": {"c-count": {"c1": 100}}}), false),
        (json!({"detail": {"state": "running"}}), false),
        (json!({"other": 1}), false),
    ] {
        assert_eq!(check(true, &event), present, "{event}");
        assert_eq!(check(false, &event), !present, "{event}");
    }
}

#[test]
fn absent_or_a_value_can_be_asked_for_together() {
    let pattern = Pattern::parse(r#"{"f": [{"exists": false}, "a"]}"#).expect("a pattern");
    assert!(pattern.check(&Event::from(&json!({}))).is_ok());
    assert!(pattern.check(&Event::from(&json!({"f": "a"}))).is_ok());
    assert!(pattern.check(&Event::from(&json!({"f": "b"}))).is_err());
}
