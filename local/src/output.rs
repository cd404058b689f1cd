//! Standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints a line to standard output, like `out!`, but does not panic if nobody reads it any more.
macro_rules! out {
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}
pub(crate) use out;

/// Prints a line. If the reader has closed the pipe (`dmm-local rules test … | head`), the program ends; this is not an error.
/// If the output cannot be written for another reason, the program ends with exit code 1.
pub fn line(line: Arguments<'_>) {
    let mut output = std::io::stdout().lock();
    if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("error: cannot write to standard output: {error}");
        std::process::exit(1);
    }
}
