//! Hashes, for names that cannot contain what they stand for.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The SHA-256 of a text or of bytes, as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut digits, byte| {
        // Writing to a string cannot fail.
        _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_64_lower_case_digits() {
        // The test vector of NIST for the one-block message `abc`.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex("abc"), abc);
    }
}
