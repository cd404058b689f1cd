//! IAM's limits for the size of policies, and sizes as IAM counts them.

/// How many characters all inline policies of a role may have together
/// ([IAM quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)). This quota cannot be
/// raised.
pub const INLINE_TOTAL: usize = 10_240;

/// How many characters a customer managed policy may have (same page). This quota cannot be raised.
pub const MANAGED: usize = 6_144;

/// The size of a policy document as IAM counts it: the number of characters without white space (same page).
#[must_use]
pub fn of(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_character_counts_once_except_white_space() {
        assert_eq!(super::of(" {\n\t\"Sid\": \"é\" }\r\n"), "{\"Sid\":\"é\"}".chars().count());
    }
}
