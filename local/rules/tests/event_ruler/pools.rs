//! What patterns and events are made of.

/// Names of fields. Few, so that they occur again.
pub(crate) const NAMES: [&str; 9] = ["a", "b", "c", "detail", "a.b", "prefix", "=", "é", "$or"];

/// Strings: similar to each other, and each one special in some way.
pub(crate) const TEXTS: [&str; 27] = [
    "a", "", "b", "ab", "aa", "aab", "ba", "abc", "A", "aB", "AB", "a/b/c", "arn:x:y", "x", "N", "a\"",
    "\"a", "\"", "*", "a*b", "\\", "a\\b", "true", "null", "300", "12:30", "s",
];
/// Strings with characters whose other case is special: several characters, another number of bytes, or a third case.
pub(crate) const CASES: [&str; 25] = [
    "ß", "SS", "ss", "ſ", "K", "k", "İ", "i", "i\u{307}", "Σ", "σ", "ς", "ǅ", "ǆ", "Ǆ", "ŉ", "ʼN", "ⱥ", "Ⱥ",
    "ΰ", "😀", "??", "é", "É", "éa",
];
pub(crate) const WILDCARDS: [&str; 22] = [
    "*", "a*", "*a", "*a*", "a*b", "*a*b", "*a*b*", "*ab*ab*", "a*a*a", "*aaaa*", "*a*a*a*", "*:*:*",
    "arn:*:*", "*b*/c", "a\\*b", "\\*", "a\\\\*", "é*", "*é", "😀*", "\"*", "*\"*",
];
pub(crate) const NO_WILDCARDS: [&str; 4] = ["**", "a**b", "\\a", "a\\"];
/// Numbers that 64-bit floating point does not represent.
pub(crate) const INEXACT: [&str; 7] =
    ["9007199254740993", "9007199254740993.0", "12345678901234567890", "1e400", "1E400", "-1e400", "1e-400"];
/// Other numbers.
pub(crate) const NUMBERS: [&str; 37] = [
    "1",
    "0",
    "-0",
    "0.0",
    "-1",
    "10",
    "15",
    "1.5",
    "300",
    "300.0",
    "3e2",
    "3E+2",
    "30.0e1",
    "0.1",
    "1e-1",
    "0.10",
    "-0.1",
    "100",
    "1000000",
    "0.000001",
    "1e-7",
    "0.0000001",
    "5e9",
    "5000000000",
    "5000000001",
    "-5000000001",
    "1700000000000",
    "1.7e12",
    "9007199254740992",
    "1e100",
    "1E+100",
    "1e308",
    "0e5",
    "2",
    "2.0",
    "20",
    "3",
];
pub(crate) const ADDRESSES: [&str; 16] = [
    "10.0.0.1",
    "10.0.0.7",
    "10.0.0.6",
    "10.0.0.255",
    "10.0.1.0",
    "11.0.0.1",
    "203.0.113.9",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::",
    "2001:db8::5",
    "2001:DB8:0:1::5",
    "2001:db9::",
    "a00::1",
    "::ffff:a00:1",
    "::ffff:a00:7",
];
pub(crate) const NETWORKS: [&str; 16] = [
    "10.0.0.0/8",
    "10.0.0.0/24",
    "10.0.0.7/31",
    "10.0.0.7/30",
    "10.0.0.0/15",
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "16.0.0.0/4",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/127",
    "a00::/8",
    "::ffff:a00:0/24",
    "10.0.0.0/8/",
    "10.0.0.0/+8",
];
pub(crate) const NO_NETWORKS: [&str; 8] = [
    "10.0.0.7/32",
    "2001:db8::/128",
    "::ffff:a00:0/104",
    "10.0.0.0/33",
    "10.0.0.0",
    "10.0.0/8",
    "/8",
    "10.0.0.0/-1",
];
pub(crate) const WORDS: [&str; 3] = ["true", "false", "null"];
