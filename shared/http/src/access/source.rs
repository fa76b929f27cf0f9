//! The keys in force: the last valid list of the file or of the secret.

use std::{
    fmt,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime},
};

use tokio::{fs, sync::Mutex};
use weir_aws::secret_text;

use super::{AccessError, Keys};

/// Seconds between two checks of a file. A check happens only when a request needs the keys.
const FILE_SECONDS: u64 = 2;
/// Seconds between two reads of a secret. Each read costs money, and a request waits for it.
const SECRET_SECONDS: u64 = 5 * 60;
/// The most seconds that a check may delay a request.
const LOOK_SECONDS_MAX: u64 = 5;
/// The most bytes of a file. A list is small, so a larger file is not a list.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The location of a list.
#[derive(Debug, Clone)]
pub(crate) enum KeysPlace {
    /// A file.
    File(PathBuf),
    /// A secret of AWS Secrets Manager, by its ARN.
    Secret(String),
}

impl fmt::Display for KeysPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Secret(arn) => write!(f, "secret {arn}"),
        }
    }
}

impl KeysPlace {
    async fn read(&self) -> Result<Keys, AccessError> {
        match self {
            Self::File(file) => {
                Keys::parse(&read_file(file).await?).map_err(|error| error.in_file(file))
            }
            Self::Secret(arn) => {
                // Boxed: the SDK's futures are deeper than the compiler likes to nest.
                let text = Box::pin(secret_text(arn)).await?;
                Keys::parse(&text).map_err(|e| AccessError::Malformed {
                    at: format!("{self}, line {}", e.line),
                    fault: e.fault,
                })
            }
        }
    }

    /// Returns a value that changes with the file; `None` for a secret, which has to be read to
    /// detect a change.
    async fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::File(file) => fs::metadata(file).await.ok().map(|found| Stamp::of(&found)),
            Self::Secret(_) => None,
        }
    }
}

async fn read_file(file: &Path) -> Result<String, AccessError> {
    let fault = |reason: String| AccessError::File { file: file.display().to_string(), reason };
    let found = fs::metadata(file).await.map_err(|e| fault(e.to_string()))?;
    // A read of a pipe would block, and a pipe can be read only once.
    if !found.is_file() {
        return Err(fault("not a regular file".into()));
    }
    if found.len() > FILE_BYTES_MAX {
        return Err(fault(format!("the file has more than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(file).await.map_err(|e| fault(e.to_string()))
}

/// Distinguishes one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// The inode and the time of its last change: a rename can bring a file of any age.
    identity: (u64, i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (found.ino(), found.ctime(), found.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0);
        Self { bytes: found.len(), modified: found.modified().ok(), identity }
    }
}

/// A list that follows its file or its secret. Cheap to clone.
///
/// If the file becomes unreadable or malformed, the error is logged once, and the last valid list
/// stays in force. So a mistake of the editor does not lock every client out.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    place: KeysPlace,
    look_every: Duration,
    current: RwLock<Arc<Keys>>,
    last: Mutex<Last>,
}

/// The last check.
struct Last {
    at: Instant,
    stamp: Option<Stamp>,
    /// The error of that check.
    fault: Option<String>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.place).finish()
    }
}

impl Source {
    pub(crate) async fn open(place: KeysPlace) -> Result<Self, AccessError> {
        let seconds = match place {
            KeysPlace::File(_) => FILE_SECONDS,
            KeysPlace::Secret(_) => SECRET_SECONDS,
        };
        Self::open_and_look(place, Duration::from_secs(seconds)).await
    }

    async fn open_and_look(place: KeysPlace, look_every: Duration) -> Result<Self, AccessError> {
        // The stamp is taken before the file is read, so a change in between is read at the next
        // check.
        let stamp = place.stamp().await;
        let current = RwLock::new(Arc::new(place.read().await?));
        let last = Mutex::new(Last { at: Instant::now(), stamp, fault: None });
        Ok(Self(Arc::new(Inner { place, look_every, current, last })))
    }

    /// Checks for a new list, and returns the keys in force.
    pub async fn keys(&self) -> Arc<Keys> {
        // While one request checks, other requests use the current list.
        if let Ok(mut last) = self.0.last.try_lock()
            && last.at.elapsed() >= self.0.look_every
        {
            last.at = Instant::now();
            self.look(&mut last).await;
        }
        self.current()
    }

    /// Returns the keys of the last check.
    pub fn current(&self) -> Arc<Keys> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the location of the list, for messages.
    pub fn place(&self) -> impl fmt::Display {
        &self.0.place
    }

    async fn look(&self, last: &mut Last) {
        let place = &self.0.place;
        let stamp = place.stamp().await;
        if stamp.is_some() && stamp == last.stamp {
            return;
        }
        let read = tokio::time::timeout(Duration::from_secs(LOOK_SECONDS_MAX), place.read()).await;
        match read.unwrap_or_else(|_| Err(AccessError::Late(place.to_string()))) {
            Ok(keys) => {
                if stamp.is_some() || last.fault.is_some() {
                    tracing::info!(%place, keys = keys.len(), "read the changed API keys");
                }
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                (last.stamp, last.fault) = (stamp, None);
            }
            Err(error) => {
                let fault = error.to_string();
                if last.fault.as_ref() != Some(&fault) {
                    tracing::error!(
                        error = fault,
                        "cannot read the changed API keys; the earlier keys stay valid"
                    );
                }
                // Without a stamp the file is read at every check until it is valid.
                (last.stamp, last.fault) = (None, Some(fault));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use weir_testkit::logged;

    use super::*;
    use crate::access::{Entry, Key, Scopes};

    fn line(n: u8) -> String {
        let scopes = Scopes::parse("read").unwrap();
        format!("{}\n", Entry::new(format!("k{n}").parse().unwrap(), scopes, &Key::new([n; 32])))
    }

    async fn accepted(source: &Source) -> Vec<u8> {
        let keys = source.keys().await;
        (0..10).filter(|n| keys.check(&Key::new([*n; 32])).is_some()).collect()
    }

    async fn source(file: &Path) -> Source {
        Source::open_and_look(KeysPlace::File(file.to_owned()), Duration::ZERO).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_added_is_accepted_and_what_is_removed_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, line(1)).unwrap();
        let source = source(&file).await;
        assert_eq!(accepted(&source).await, [1]);
        std::fs::write(&file, line(1) + &line(2)).unwrap();
        assert_eq!(accepted(&source).await, [1, 2]);
        // A file with the same length and the same time of modification, moved by a rename.
        let (modified, other) =
            (std::fs::metadata(&file).unwrap().modified().unwrap(), folder.path().join("other"));
        std::fs::write(&other, line(2) + &line(3)).unwrap();
        std::fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_eq!(accepted(&source).await, [2, 3]);
        std::fs::write(&file, "# nobody any more\n").unwrap();
        assert!(accepted(&source).await.is_empty());
    }

    #[tokio::test]
    async fn a_file_is_not_looked_at_all_the_time() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(line(1).as_bytes()).unwrap();
        let source =
            Source::open_and_look(KeysPlace::File(file.path().to_owned()), Duration::from_secs(30))
                .await
                .unwrap();
        file.write_all(line(2).as_bytes()).unwrap();
        assert_eq!(accepted(&source).await, [1]);
        source.0.last.lock().await.at -= Duration::from_secs(30);
        assert_eq!(accepted(&source).await, [1, 2]);
    }

    #[tokio::test]
    async fn a_file_that_goes_bad_keeps_the_last_good_list_and_says_so_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, line(1)).unwrap();
        let source = source(&file).await;
        let log = logged(async {
            for _ in 0..3 {
                std::fs::write(&file, line(2) + "ci read\n").unwrap();
                assert_eq!(accepted(&source).await, [1]);
            }
            std::fs::remove_file(&file).unwrap();
            for _ in 0..3 {
                assert_eq!(accepted(&source).await, [1]);
            }
            std::fs::write(&file, line(1)).unwrap();
            assert_eq!(accepted(&source).await, [1]);
            assert!(source.0.last.lock().await.fault.is_none());
        })
        .await;
        let errors: Vec<&str> = log
            .iter()
            .filter(|line| line["level"] == "ERROR")
            .filter_map(|line| line["fields"]["error"].as_str())
            .collect();
        assert_eq!(errors.len(), 2, "{log:?}");
        assert!(
            errors[0].contains("keys:2: a key needs three words on one line")
                && errors[1].contains("No such file"),
            "{errors:?}"
        );
    }
}
