//! Writing the image so that it is there whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::{Error, Problem};

/// Replaces the file `output` by the `pieces` in one step: they are written beside it first, then renamed. A device or pipe
/// is written to directly.
pub fn replace<T: AsRef<[u8]>>(output: &Path, pieces: &[T]) -> Result<(), Error> {
    let written = match fs::metadata(output) {
        Ok(metadata) if !metadata.is_file() => {
            OpenOptions::new().write(true).open(output).and_then(|mut file| write_all(&mut file, pieces))
        }
        _ => write_beside(output, pieces),
    };
    written.map_err(|error| Error::new(output, Problem::Write(error)))
}

fn write_beside<T: AsRef<[u8]>>(output: &Path, pieces: &[T]) -> io::Result<()> {
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Read and write for everyone, less what the umask takes: as any build product.
    let mut file =
        tempfile::Builder::new().prefix(".mkimage").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    write_all(&mut file, pieces)?;
    file.persist(output).map_err(|error| error.error)?;
    Ok(())
}

fn write_all<T: AsRef<[u8]>>(file: &mut impl Write, pieces: &[T]) -> io::Result<()> {
    pieces.iter().try_for_each(|piece| file.write_all(piece.as_ref()))
}

/// Removes an `output` that an earlier run left, so that nothing boots it as if it were new. Only files: `output` may
/// be a device.
pub fn remove_stale(output: &Path) {
    if fs::symlink_metadata(output).is_ok_and(|metadata| metadata.is_file()) {
        // The error that brought us here is the one to report.
        let _ = fs::remove_file(output);
    }
}

/// Whether both paths lead to one file.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
