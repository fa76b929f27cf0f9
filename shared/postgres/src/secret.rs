//! Passwords, and files that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Error;

/// Writes a line into a file that only its owner may read. Replaces an existing file.
pub fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        if path.exists() {
            fs::remove_file(path)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().map_err(Error::folder(path))
}

/// Returns 128 random bits from the system as hex, which is safe in a URL and in a shell.
pub(crate) fn new_password() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::folder(source))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
