//! Creates zip files for Lambda. The same program always results in the same bytes.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::PackageError;

/// The name of the file that Lambda starts.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>
const BOOTSTRAP: &str = "bootstrap";

/// Creates a zip with `bytes` as the program `bootstrap`. The file is dated 1980, the earliest date of the zip format.
pub(super) fn pack(bytes: &[u8]) -> Result<Vec<u8>, PackageError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(BOOTSTRAP, options)?;
    zip.write_all(bytes).map_err(zip::result::ZipError::Io)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_zip_contains_one_program_with_a_fixed_date_and_is_reproducible() {
        let zip = pack(b"the program").unwrap();
        assert_eq!(zip, pack(b"the program").unwrap());
        assert_ne!(zip, pack(b"another one").unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!((file.name(), file.unix_mode().unwrap() & 0o777), ("bootstrap", 0o755));
        assert_eq!(file.last_modified().unwrap().year(), 1980);
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "the program");
    }
}
