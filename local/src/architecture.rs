//! The processor architectures of Lambda.

use std::fmt;

use clap::ValueEnum;

/// What a function runs on, named as Lambda names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// AWS Graviton.
    #[value(name = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// cargo-lambda's option for it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Architecture::Arm64 => "--arm64",
            Architecture::X86_64 => "--x86-64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Architecture::Arm64 => "arm64",
            Architecture::X86_64 => "x86_64",
        })
    }
}
