//! The command line of `dmm-local`.
fn main() {}
