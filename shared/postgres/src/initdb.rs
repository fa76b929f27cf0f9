//! Creates a new data folder completely or not at all.

use std::fs;
use std::path::Path;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::paths::ServerPaths;
use crate::secret::{new_password, write_secret};
use crate::{Error, server_log};

/// The role that owns everything in the server.
pub(crate) const ROLE: &str = "weir";

/// Runs `initdb` next to the data folder and moves the result there. Returns the new password.
///
/// A killed `initdb` leaves no folder that looks like data. `durable` = false skips `initdb`'s
/// fsync.
pub(crate) fn run(
    paths: &ServerPaths,
    binaries: &Binaries,
    account: Account,
    durable: bool,
) -> Result<String, Error> {
    let work = &paths.unfinished;
    remove(work)?;
    fs::create_dir(work).map_err(Error::folder(work))?;
    account.give(work)?;
    let password = new_password()?;
    let password_file = work.join("password");
    write_secret(&password_file, &password)?;
    account.give(&password_file)?;

    let data = work.join("data");
    let initdb = |locale: &str| -> Result<(), Error> {
        remove(&data)?;
        let mut command = account.command(&binaries.initdb(), &paths.folder);
        command.arg("-D").arg(&data).args(["-U", ROLE, "-E", "UTF8", "--auth=scram-sha-256"]);
        command.arg(format!("--locale={locale}")).arg("--pwfile").arg(&password_file);
        command.args((!durable).then_some("--no-sync"));
        let program = binaries.initdb();
        let out = command.output().map_err(|source| Error::Program { program, source })?;
        if out.status.success() {
            return Ok(());
        }
        let reason = server_log::last_useful_line(&String::from_utf8_lossy(&out.stderr));
        Err(Error::Initdb { dir: paths.data_dir.clone(), reason })
    };
    // Not every system has C.UTF-8. The locale C sorts in the same order.
    initdb("C.UTF-8").or_else(|error| {
        tracing::debug!(%error, "initdb failed with C.UTF-8, retrying with the locale C");
        initdb("C")
    })?;

    // The password is written first, because data without its password cannot be opened.
    paths.write_password(&password)?;
    fs::rename(&data, &paths.data_dir).map_err(Error::folder(&paths.data_dir))?;
    remove(work)?;
    Ok(password)
}

fn remove(dir: &Path) -> Result<(), Error> {
    if dir.exists() { fs::remove_dir_all(dir).map_err(Error::folder(dir)) } else { Ok(()) }
}
