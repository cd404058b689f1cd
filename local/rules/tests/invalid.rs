//! Patterns that EventBridge rejects, and the errors for them.

use dmm_rules::{Pattern, PatternError};

#[test]
fn an_invalid_pattern_is_rejected_with_the_place_and_the_reason() {
    for (text, reason) in [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "the pattern: it must be an object"),
        ("{}", "the pattern: an empty object is not allowed"),
        (
            r#"{"source": "x"}"#,
            r#"source: must be an object or a list; for a single value, write "source": ["x"]"#,
        ),
        (r#"{"source": []}"#, "source: an empty list is not allowed"),
        (r#"{"detail": {}}"#, "detail: an empty object is not allowed"),
        (r#"{"detail": {"a": null}}"#, "detail.a: must be an object or a list"),
        (r#"{"a": [["x"]]}"#, "a: a list in a list is not allowed"),
        (r#"{"a": [{}]}"#, "a: an empty object is not a valid operator"),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "a: an object must contain exactly one operator"),
        (
            r#"{"a": [{"begins-with": "x"}]}"#,
            r#"a: unknown operator "begins-with": use one of anything-but, cidr"#,
        ),
        (r#"{"a": [{"prefix": 1}]}"#, "a: prefix needs a string, not 1"),
        (r#"{"a": [{"prefix": ["x"]}]}"#, r#"a: prefix needs a string, not ["x"]"#),
        (
            r#"{"a": [{"prefix": {"suffix": "x"}}]}"#,
            "a: prefix needs a string or equals-ignore-case, not suffix",
        ),
        (r#"{"a": [{"suffix": null}]}"#, "a: suffix needs a string"),
        (r#"{"a": [{"equals-ignore-case": ["x"]}]}"#, "a: equals-ignore-case needs a string"),
        (r#"{"a": [{"wildcard": "x**y"}]}"#, "two wildcards * in a row"),
        (r#"{"a": [{"wildcard": "x\\y"}]}"#, "a backslash must be followed by * or another backslash"),
        (r#"{"a": [{"wildcard": "x\\"}]}"#, "a backslash must be followed by"),
        (r#"{"a": [{"exists": "true"}]}"#, r#"a: exists must be true or false, not "true""#),
        (r#"{"a": [{"cidr": "10.0.0.0"}]}"#, "write ADDRESS/BITS"),
        (r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#, "an address has 32 bits, and EventBridge needs fewer"),
        (r#"{"a": [{"cidr": "10.0.0.7/32"}]}"#, "for a single address, write the address as a string"),
        (r#"{"a": [{"cidr": "2001:db8::/128"}]}"#, "an address has 128 bits"),
        (r#"{"a": [{"cidr": "10.0.0.0/-1"}]}"#, "the number of bits is negative"),
        (r#"{"a": [{"cidr": "10.0.0/8"}]}"#, "neither IPv4 nor IPv6"),
        (r#"{"a": [{"cidr": "2001:db8::/129"}]}"#, "an address has 128 bits"),
        (r#"{"a": [{"numeric": []}]}"#, "a: numeric needs a list"),
        (r#"{"a": [{"numeric": ["==", 1]}]}"#, r#"a: "==" is not a comparison of numeric"#),
        (r#"{"a": [{"numeric": [">"]}]}"#, "a: > must be followed by a number"),
        (r#"{"a": [{"numeric": [">", "1"]}]}"#, "a: > must be followed by a number"),
        (r#"{"a": [{"numeric": ["<", 1e400]}]}"#, "1e400 cannot be compared"),
        (r#"{"a": [{"numeric": ["=", 9007199254740993]}]}"#, "9007199254740993 cannot be compared"),
        (r#"{"a": [{"anything-but": [1, 1e400]}]}"#, "1e400 cannot be compared"),
        (r#"{"a": [{"numeric": [">=", 1.7976931348623157e308]}]}"#, "is the limit of the numbers"),
        (r#"{"a": [{"numeric": [">", 5, "<", 5]}]}"#, "the range is empty"),
        (
            r#"{"a": [{"numeric": ["<", 5, ">", 1]}]}"#,
            "a range is one comparison, or > or >= followed by < or <=",
        ),
        (r#"{"a": [{"numeric": ["=", 5, "<", 9]}]}"#, "a range is one comparison"),
        (r#"{"a": [{"numeric": [">", 1, "<", 5, "<", 9]}]}"#, "a range is one comparison"),
        (r#"{"a": [{"anything-but": []}]}"#, "a: the list of anything-but is empty"),
        (r#"{"a": [{"anything-but": ["x", 1]}]}"#, "a: anything-but needs only strings, only numbers"),
        (r#"{"a": [{"anything-but": null}]}"#, "a: anything-but needs only strings"),
        (
            r#"{"a": [{"anything-but": {"prefix": ""}}]}"#,
            "a: anything-but with prefix does not support the empty string",
        ),
        (r#"{"a": [{"anything-but": {"suffix": []}}]}"#, "a: the list of suffix is empty"),
        (
            r#"{"a": [{"anything-but": {"wildcard": ["*", 1]}}]}"#,
            "a: anything-but with wildcard needs a string or a list",
        ),
        (
            r#"{"a": [{"anything-but": {"numeric": ["=", 1]}}]}"#,
            "a: anything-but does not support numeric: use one of equals-ignore-case",
        ),
        (r#"{"a": [{"anything-but": {"exists": "x"}}]}"#, "a: anything-but does not support exists"),
        (r#"{"$or": [{"a": [1]}]}"#, "$or: must be a list of at least two objects"),
        (r#"{"$or": [{"a": [1]}, {"=": [1]}]}"#, "=: a field inside $or cannot have the name"),
        (r#"{"$or": [{"a": [1]}, {"regex": [1]}]}"#, "regex: a field inside $or cannot have the name"),
        (
            r#"{"$or": ["x"], "a": [{"anything-but": {"wildcard": "*"}}]}"#,
            "$or: must be a list of at least two objects",
        ),
        (r#"{"x": {"$or": [{"a": [1]}, 5]}}"#, "x.$or[1]: must be an object"),
        (
            r#"{"$or": [{"numeric": [123]}, {"prefix": ["abc"]}]}"#,
            "numeric: a field inside $or cannot have the name",
        ),
    ] {
        let error = Pattern::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn an_operator_s_name_is_a_field_like_any_other_outside_or() {
    assert!(Pattern::parse(r#"{"detail": {"prefix": ["x"]}}"#).is_ok());
}

#[test]
fn the_combinations_of_or_are_limited() {
    let or = |fields: usize| {
        let each: Vec<String> = (0..10).map(|n| format!(r#"{{"f{fields}": [{n}]}}"#)).collect();
        format!(r#""$or": [{}]"#, each.join(","))
    };
    let nested = |depth: usize| {
        let inner = (0..depth)
            .rev()
            .fold(String::from(r#""z": [1]"#), |inner, n| format!(r#"{}, "o{n}": {{{inner}}}"#, or(n)));
        format!("{{{inner}}}")
    };
    assert!(Pattern::parse(&nested(3)).is_ok());
    assert!(matches!(Pattern::parse(&nested(4)), Err(PatternError::TooManyBranches)));
}

#[test]
fn the_length_is_limited() {
    let pattern = |length: usize| format!(r#"{{"a": ["{}"]}}"#, "x".repeat(length - r#"{"a": [""]}"#.len()));
    assert!(Pattern::parse(&pattern(2048)).is_ok());
    let error = Pattern::parse(&pattern(2049)).expect_err("it is too long");
    assert!(matches!(error, PatternError::TooLong(2049)), "{error}");
    assert!(error.to_string().contains("\"Event pattern size\""), "{error}");
}

#[test]
fn the_complexity_of_wildcards_is_limited() {
    // AWS is known to have accepted and rejected patterns like these.
    let stacks = |names: &[&str]| {
        let wildcards = names.iter().map(|name| format!(r#"{{"wildcard": "*:stack/{name}/*"}}"#));
        format!(r#"{{"detail": {{"id": [{}]}}}}"#, wildcards.collect::<Vec<_>>().join(","))
    };
    assert!(Pattern::parse(&stacks(&["Alpha", "Beta", "Gamma"])).is_ok());
    for text in [
        stacks(&["Alpha", "Beta", "Gamma", "Delta"]),
        r#"{"detail": {"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}}"#.to_owned(),
        r#"{"detail": {"f": [{"anything-but": {"wildcard": ["*:*:*:*:*:event-bus/*"]}}]}}"#.to_owned(),
    ] {
        assert!(matches!(Pattern::parse(&text), Err(PatternError::TooComplex)), "{text}");
    }
}

#[test]
fn deep_nesting_is_rejected() {
    let text = format!("{}[1]{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let error = Pattern::parse(&text).expect_err("it is too deep").to_string();
    assert!(error.contains("nested more than 128 levels deep"), "{error}");
}
