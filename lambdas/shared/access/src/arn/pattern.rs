//! Patterns of ARNs, in which `*` stands for any characters.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A pattern of ARNs: an ARN in which `*` stands for any characters, also `/` and `:`, as in IAM.
///
/// A pattern that matches a bucket, or another resource that contains others, includes everything in it: the objects of
/// a bucket, the streams of a log group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArnPattern(String);

/// Why a text is not an [`ArnPattern`]. The message continues a sentence that ends with "which".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
#[error(
    "is not an ARN or a pattern of ARNs: write it as arn:partition:service:region:account:resource, where `*` stands for \
     any characters"
)]
pub struct ArnPatternError;

impl ArnPattern {
    /// Whether it matches the ARN, or something that contains the resource of that ARN.
    #[must_use]
    pub fn includes(&self, arn: &str) -> bool {
        let pattern = self.0.as_bytes();
        overlap(pattern, arn.as_bytes())
            || ["/*", ":*"].iter().any(|rest| overlap(&extended(pattern, rest), arn.as_bytes()))
    }

    /// Whether a statement with this resource, which may contain `*`, could reach something that the pattern includes.
    /// A resource reaches everything that it contains, as a bucket contains its objects.
    #[must_use]
    pub fn overlaps(&self, resource: &str) -> bool {
        self.includes(resource) || overlap(self.0.as_bytes(), &extended(resource.as_bytes(), "/*"))
    }

    /// The pattern's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArnPattern {
    type Err = ArnPatternError;

    fn from_str(text: &str) -> Result<ArnPattern, ArnPatternError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let has_parts = parts.len() == 6 && parts.last().is_some_and(|resource| !resource.is_empty());
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
            && !text.contains('?')
            && !text.contains("${");
        if text.starts_with("arn:") && has_parts && is_plain {
            Ok(ArnPattern(text.to_owned()))
        } else {
            Err(ArnPatternError)
        }
    }
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn extended(pattern: &[u8], rest: &str) -> Vec<u8> {
    [pattern, rest.as_bytes()].concat()
}

/// Whether some text matches both patterns.
fn overlap(left: &[u8], right: &[u8]) -> bool {
    let literal = left.iter().zip(right).take_while(|(one, other)| one == other && **one != b'*').count();
    let (left, right) = (left.get(literal..).unwrap_or_default(), right.get(literal..).unwrap_or_default());
    if let (Some(one), Some(other)) = (left.first(), right.first())
        && *one != b'*'
        && *other != b'*'
    {
        return false;
    }
    // row[n]: whether the part of `left` that is still to be looked at and right[n..] have a text in common.
    let mut row: Vec<bool> = std::iter::repeat_n(false, right.len() + 1).collect();
    let mut is_end = true;
    for at in (0..=left.len()).rev() {
        let one = left.get(at);
        let mut next: Vec<bool> = std::iter::repeat_n(false, right.len() + 1).collect();
        for column in (0..=right.len()).rev() {
            let other = right.get(column);
            let below = |column: usize| !is_end && row.get(column).copied().unwrap_or(false);
            let beside = next.get(column + 1).copied().unwrap_or(false);
            let matches = match (one, other) {
                (None, None) => true,
                (Some(b'*'), Some(b'*')) => below(column) || beside,
                (Some(b'*'), _) => below(column) || (other.is_some() && beside),
                (_, Some(b'*')) => beside || (one.is_some() && below(column)),
                (Some(one), Some(other)) => one == other && below(column + 1),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if let Some(cell) = next.get_mut(column) {
                *cell = matches;
            }
        }
        row = next;
        is_end = false;
    }
    row.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ArnPattern {
        text.parse().unwrap()
    }

    #[test]
    fn two_patterns_overlap_if_a_text_matches_both() {
        for (left, right, overlaps) in [
            ("", "", true),
            ("a", "a", true),
            ("a", "b", false),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*", "", true),
            ("*a", "b*", true),
            ("a*c", "ab*", true),
            ("a*c", "b*c", false),
            ("a*b", "*ac", false),
            ("ab*cd", "ab*ce", false),
            ("ab*cd", "ab*ce*", true),
            ("a*b*c", "axc*bxc", true),
            ("**", "*x*", true),
        ] {
            assert_eq!(overlap(left.as_bytes(), right.as_bytes()), overlaps, "{left} {right}");
            assert_eq!(overlap(right.as_bytes(), left.as_bytes()), overlaps, "{right} {left}");
        }
    }

    #[test]
    fn a_pattern_includes_what_the_resource_contains() {
        let bucket = pattern("arn:aws:s3:::state");
        assert!(bucket.includes("arn:aws:s3:::state") && bucket.includes("arn:aws:s3:::state/packs"));
        assert!(!bucket.includes("arn:aws:s3:::state-of-the-art") && !bucket.includes("arn:aws:s3:::stat"));
        let logs = pattern("arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/dmm-*");
        assert!(
            logs.includes(
                "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/dmm-feed:log-stream:a"
            )
        );
        assert!(!logs.includes("arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/other"));
    }

    #[test]
    fn a_resource_overlaps_what_it_contains_and_what_contains_it() {
        let records = pattern("arn:aws:s3:::shared/dmm/grants/*");
        for (resource, overlaps) in [
            ("arn:aws:s3:::shared", true),
            ("arn:aws:s3:::shared/*", true),
            ("arn:aws:s3:::shared/dmm", true),
            ("arn:aws:s3:::shared/dmm/grants/access/*", true),
            ("arn:aws:s3:::shared/dmm-orders", false),
            ("arn:aws:s3:::shared/orders/*", false),
            ("arn:aws:s3:::share/*", false),
        ] {
            assert_eq!(records.overlaps(resource), overlaps, "{resource}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_pattern_of_arns_is_rejected() {
        for text in
            ["", "*", "state", "arn:aws:s3:::", "arn:aws:s3::state", "arn:aws:s3:::stat?", "arn:aws:s3:::é"]
        {
            assert_eq!(text.parse::<ArnPattern>(), Err(ArnPatternError), "{text}");
        }
    }
}
