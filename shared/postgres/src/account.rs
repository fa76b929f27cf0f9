//! The user that runs the server. PostgreSQL refuses root, so a program that runs as root starts it
//! as another user. The mode of a folder that Weir did not create is never changed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;
use crate::binaries::Binaries;
use crate::paths::ServerPaths;

/// The user that `initdb` and `postgres` run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The current user, which is not root.
    Own,
    /// Another user. Only for root, if that user can enter the folder.
    Other { uid: u32, gid: u32 },
    /// Root in a separate user namespace. There root appears as an ordinary user but still owns
    /// root's folders, including folders with mode 700.
    Namespace,
}

impl Account {
    /// Chooses the user: the current one unless it is root. Existing data keeps its owner.
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

    /// Returns a command that runs as this user, in a separate process group, so that Ctrl-C in the
    /// terminal does not reach it. The locale is C, because Weir searches its messages for English
    /// texts.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = match self {
            Self::Own => Command::new(program),
            Self::Other { uid, gid } => {
                let mut command = Command::new(program);
                // If the current user is root, this also drops the supplementary groups.
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

    /// Gives a file or folder that Weir created to this user.
    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Other { uid, gid } => {
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(Error::folder(path))
            }
            Self::Own | Self::Namespace => Ok(()),
        }
    }

    /// Tries to run the program, because only the system knows all modes, access lists and
    /// namespace rules on the path.
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
