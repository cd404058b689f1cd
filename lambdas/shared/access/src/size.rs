//! IAM's limits to the size of policies, and sizes as IAM counts them.

/// How many characters all inline policies of a role may have together, whoever put them
/// ([quotas of IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)). It cannot be
/// raised.
pub const INLINE_SUM: usize = 10_240;

/// How many characters a customer managed policy may have (same page). It cannot be raised.
pub const MANAGED: usize = 6_144;

/// The size of a policy document as IAM counts it: its characters, white space left out (same page).
#[must_use]
pub fn of(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    #[test]
    fn white_space_does_not_count_and_every_other_character_does_once() {
        assert_eq!(super::of(" {\n\t\"Sid\": \"é\" }\r\n"), "{\"Sid\":\"é\"}".chars().count());
    }
}
