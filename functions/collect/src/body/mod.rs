//! A request's body, piece by piece.

mod gzip;

use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

pub use gzip::Gunzip;

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// Nothing came for too long.
    #[error("nothing came for {} seconds", .0.as_secs())]
    Idle(Duration),
    /// It came more slowly than it may.
    #[error("it came more slowly than {rate_min} bytes a second")]
    Slow {
        /// The limit.
        rate_min: u32,
    },
    /// The connection ended in the middle.
    #[error("the body was cut off: {0}")]
    Cut(String),
    /// It is longer than this place takes.
    #[error("the body is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// It is no gzip.
    #[error("the body is not gzip: {0}")]
    NotGzip(String),
    /// It unfolds to so much that it is a trap.
    #[error("the body unfolds to more than {ratio} times its length")]
    Bomb {
        /// The limit.
        ratio: u64,
    },
}

/// Where a body comes from, piece by piece.
#[async_trait]
pub trait ByteSource: Send {
    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault>;
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// How long nothing may come.
    pub idle: Duration,
    /// The longest body as it comes over the line; any length without it.
    pub bytes_max: Option<u64>,
    /// Bytes a second, behind a while at the beginning; any number without it.
    pub rate_min: Option<u32>,
}

/// So long nobody asks how fast a body comes.
const RATE_GRACE: Duration = Duration::from_secs(5);

/// The pieces of a request's body, unfolded where they are gzip.
pub struct Pieces {
    body: BodyDataStream,
    limits: BodyLimits,
    bytes: u64,
    begun: Instant,
    gzip: Option<Gunzip>,
}

impl Pieces {
    /// Of this body.
    pub fn new(body: Body, limits: BodyLimits, is_gzip: bool) -> Self {
        Self {
            body: body.into_data_stream(),
            limits,
            bytes: 0,
            begun: Instant::now(),
            gzip: is_gzip.then(Gunzip::default),
        }
    }

    async fn raw(&mut self) -> Result<Option<Bytes>, BodyFault> {
        let silent = Instant::now() + self.limits.idle;
        // A byte now and then is not silence: who sends so holds a place for hours.
        let slow = self.limits.rate_min.map(|rate| {
            self.begun + RATE_GRACE + Duration::from_secs(self.bytes / u64::from(rate))
        });
        let until = slow.map_or(silent, |slow| slow.min(silent));
        let next =
            timeout_at(until, self.body.next()).await.map_err(|_| match self.limits.rate_min {
                Some(rate_min) if until < silent => BodyFault::Slow { rate_min },
                _ => BodyFault::Idle(self.limits.idle),
            })?;
        let Some(piece) = next.transpose().map_err(|error| BodyFault::Cut(error.to_string()))?
        else {
            return Ok(None);
        };
        self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        match self.limits.bytes_max {
            Some(bytes_max) if self.bytes > bytes_max => Err(BodyFault::TooLong { bytes_max }),
            _ => Ok(Some(piece)),
        }
    }

    /// The whole body, when it has at most so many bytes and comes at least so fast.
    pub async fn whole(mut self, bytes_max: usize, rate_min: u32) -> Result<Vec<u8>, BodyFault> {
        self.limits.rate_min = Some(rate_min);
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > bytes_max {
                return Err(BodyFault::TooLong {
                    bytes_max: u64::try_from(bytes_max).unwrap_or(u64::MAX),
                });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// Reads on without looking, for a while: a sender that is still sending would not see the
    /// answer.
    pub async fn drain(mut self) {
        const BYTES_MAX: u64 = 64 * 1024 * 1024;
        const TIME_MAX: Duration = Duration::from_secs(2);
        let from = self.bytes;
        let drained = async {
            while let Some(Ok(piece)) = self.body.next().await {
                self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                if self.bytes - from > BYTES_MAX {
                    break;
                }
            }
        };
        let _ = timeout(TIME_MAX, drained).await;
    }
}

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        loop {
            let Some(gzip) = &mut self.gzip else { return self.raw().await };
            if let Some(piece) = gzip.piece()? {
                return Ok(Some(piece));
            }
            match self.raw().await? {
                Some(piece) => {
                    if let Some(gzip) = &mut self.gzip {
                        gzip.push(piece);
                    }
                }
                None => return self.gzip.as_mut().map_or(Ok(None), Gunzip::end),
            }
        }
    }
}
