//! The body of `weir send`.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use bytes::BytesMut;
use futures_util::stream::try_unfold;
use indicatif::ProgressBar;
use tempfile::NamedTempFile;
use tokio::{fs::File, io::AsyncReadExt};

use crate::{Exit, progress};

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 128 * 1024;

/// The body to send. It can be read again for a retry.
pub(super) enum SendBody {
    Text(String),
    File(PathBuf),
    /// A copy of stdin, which can be read only once.
    Kept(NamedTempFile),
}

impl SendBody {
    pub(super) async fn of(given: &str) -> Result<Self, Exit> {
        match given.strip_prefix('@') {
            None => Ok(Self::Text(given.to_owned())),
            Some("-") => {
                let kept = NamedTempFile::new().map_err(|e| {
                    Exit::failed(format!("cannot store the data of stdin in a temporary file: {e}"))
                })?;
                let mut file = kept.reopen().map_err(Exit::failed)?;
                let read = tokio::task::spawn_blocking(move || {
                    let stdin = io::stdin().lock();
                    // Nothing is drawn between the lines that a person types.
                    let bar = if stdin.is_terminal() {
                        ProgressBar::hidden()
                    } else {
                        progress::bytes_so_far("reading stdin")
                    };
                    let read = io::copy(&mut bar.wrap_read(stdin), &mut file);
                    bar.finish_and_clear();
                    read
                })
                .await;
                read.map_err(Exit::failed)?
                    .map_err(|e| Exit::failed(format!("cannot read stdin: {e}")))?;
                Ok(Self::Kept(kept))
            }
            Some(file) => match Path::new(file) {
                path if path.is_file() => Ok(Self::File(path.to_owned())),
                path => {
                    Err(Exit::usage(format!("-d @{}: the file does not exist", path.display())))
                }
            },
        }
    }

    /// Returns the body, and the bar that moves while the body is sent.
    pub(super) async fn body(&self) -> Result<(reqwest::Body, ProgressBar), Exit> {
        let path = match self {
            Self::Text(text) => return Ok((text.clone().into(), ProgressBar::hidden())),
            Self::File(path) => path.as_path(),
            Self::Kept(file) => file.path(),
        };
        let named = |e| Exit::failed(format!("cannot read {}: {e}", path.display()));
        let file = File::open(path).await.map_err(named)?;
        let bar = progress::bytes("sending", file.metadata().await.map_err(named)?.len());
        Ok((counted(file, bar.clone()), bar))
    }

    /// Returns whether the body is gzip. It is then sent unchanged with that encoding.
    pub(super) async fn is_gzip(&self) -> bool {
        let path = match self {
            Self::Text(_) => return false,
            Self::File(path) => path.as_path(),
            Self::Kept(file) => file.path(),
        };
        let mut first = [0; 2];
        let read = async { File::open(path).await?.read_exact(&mut first).await };
        read.await.is_ok() && first == [0x1f, 0x8b]
    }
}

/// Returns a body with the bytes of the file, which moves the bar with each read.
fn counted(file: File, bar: ProgressBar) -> reqwest::Body {
    let pieces = try_unfold((file, bar), |(mut file, bar)| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let read = file.read_buf(&mut piece).await?;
        bar.inc(read as u64);
        Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), (file, bar))))
    });
    reqwest::Body::wrap_stream(pieces)
}
