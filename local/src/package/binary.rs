//! Checks whether Amazon Linux 2023 can run a binary: its format, its architecture, and the glibc version that it needs.

use std::fmt;

use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::endian::LittleEndian;
use object::read::elf::FileHeader;

use crate::architecture::Architecture;

/// The glibc version of Amazon Linux 2023, on which `provided.al2023` is based.
/// <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
const AL2023: Glibc = Glibc(2, 34);

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(u32, u32);

impl fmt::Display for Glibc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// Why Lambda cannot run a binary.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It is not a 64-bit ELF file.
    #[error("is not a program for 64-bit Linux ({0}): build it again")]
    Format(#[from] object::Error),
    /// It is for another architecture.
    #[error("is not for {0}: build it again")]
    Architecture(Architecture),
    /// It needs a newer glibc than Lambda has.
    #[error(
        "needs glibc {0}, but provided.al2023 has {AL2023}: build it with cargo-lambda and zig, not with cargo alone"
    )]
    Glibc(Glibc),
}

/// Returns the newest glibc version that the binary needs, based on the versions of the imported symbols.
pub(super) fn check(bytes: &[u8], architecture: Architecture) -> Result<Glibc, BinaryError> {
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    let endian = header.endian()?;
    let machine = match architecture {
        Architecture::Arm64 => EM_AARCH64,
        Architecture::X86_64 => EM_X86_64,
    };
    if header.e_machine(endian) != machine {
        return Err(BinaryError::Architecture(architecture));
    }
    let sections = header.sections(endian, bytes)?;
    let mut newest = Glibc(2, 0);
    if let Some((mut needs, strings)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                newest = newest.max(glibc(version.name(endian, strings)?).unwrap_or(newest));
            }
        }
    }
    if newest > AL2023 { Err(BinaryError::Glibc(newest)) } else { Ok(newest) }
}

/// Parses a version such as `GLIBC_2.28`. Returns `None` for the versions of other libraries, e.g. `GCC_3.0`.
fn glibc(name: &[u8]) -> Option<Glibc> {
    let version = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let mut numbers = version.split('.').map(str::parse);
    Some(Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(glibc(b"GLIBC_2.9"), Some(Glibc(2, 9)));
        assert!(glibc(b"GLIBC_2.34") > glibc(b"GLIBC_2.9"));
        assert_eq!(glibc(b"GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!((glibc(b"GCC_3.0"), glibc(b"GLIBC_PRIVATE")), (None, None));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn the_running_program_is_accepted_and_one_for_another_architecture_is_rejected() {
        let (own, other) = if cfg!(target_arch = "aarch64") {
            (Architecture::Arm64, Architecture::X86_64)
        } else {
            (Architecture::X86_64, Architecture::Arm64)
        };
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(matches!(check(&bytes, other), Err(BinaryError::Architecture(_))));
        // It is built for this machine and may need a newer version. In both cases, the version was found.
        match check(&bytes, own) {
            Ok(needed) => assert!(needed > Glibc(2, 0) && needed <= AL2023, "{needed}"),
            Err(BinaryError::Glibc(needed)) => assert!(needed > AL2023, "{needed}"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_file_that_is_not_a_program_is_rejected() {
        let error = check(b"#!/bin/sh\n", Architecture::Arm64).unwrap_err();
        assert!(error.to_string().contains("not a program for 64-bit Linux"), "{error}");
    }
}
