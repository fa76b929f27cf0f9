//! Who runs the server. PostgreSQL refuses root, so a root program runs it as somebody else, and
//! never changes the mode of a folder it did not make.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::binaries::Binaries;
use crate::paths::ServerPaths;

/// The user that `initdb` and `postgres` run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Ourselves, an ordinary user.
    Own,
    /// Another user: from root, where that user can enter the folder.
    Other { uid: u32, gid: u32 },
    /// Root in a user namespace of its own, where it appears as an ordinary user but still owns
    /// root's folders, those with mode 700 too.
    Namespace,
}

impl Account {
    /// The user to run as: ourselves unless we are root; existing data keeps its owner.
    pub(crate) fn choose(paths: &ServerPaths, binaries: &Binaries) -> Result<Self, Error> {
        if ask_id(&["-u"]) != Some(0) {
            return Ok(Self::Own);
        }
        let candidates = match paths.data_owner() {
            Some((0, _)) => vec![Self::Namespace],
            Some((uid, gid)) => vec![Self::Other { uid, gid }],
            None => named_user("postgres")
                .or_else(|| named_user("nobody"))
                .into_iter()
                .chain([Self::Namespace])
                .collect(),
        };
        candidates
            .into_iter()
            .find(|account| account.can_use(&paths.folder, binaries))
            .ok_or_else(|| Error::Root { dir: paths.folder.clone() })
    }

    /// A command for this user: quiet, apart from the terminal's Ctrl-C, speaking English so that
    /// its messages can be recognised.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = match self {
            Self::Own => Command::new(program),
            Self::Other { uid, gid } => {
                let mut command = Command::new(program);
                // From root this also drops every further group.
                command.gid(gid).uid(uid);
                command
            }
            Self::Namespace => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(program);
                command
            }
        };
        command.current_dir(folder).process_group(0).stdin(Stdio::null()).env("LC_ALL", "C");
        command
    }

    /// Hands a file or folder that we made to this user.
    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Other { uid, gid } => {
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(Error::folder(path))
            }
            Self::Own | Self::Namespace => Ok(()),
        }
    }

    /// Tries it: only the system knows every mode, list and namespace rule on the way.
    fn can_use(self, folder: &Path, binaries: &Binaries) -> bool {
        self.command(Path::new("/bin/sh"), Path::new("/"))
            .args(["-c", "cd \"$0\" && exec \"$1\" --version"])
            .arg(folder)
            .arg(binaries.postgres())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn named_user(name: &str) -> Option<Account> {
    Some(Account::Other { uid: ask_id(&["-u", name])?, gid: ask_id(&["-g", name])? })
}

fn ask_id(args: &[&str]) -> Option<u32> {
    let out = Command::new("id").args(args).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}
