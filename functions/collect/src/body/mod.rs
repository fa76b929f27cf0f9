//! Reads a request's body piece by piece.

mod gzip;

use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

pub use gzip::Gunzip;

/// The reason why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// The sender was silent for too long.
    #[error("no data arrived for {} seconds", .0.as_secs())]
    Idle(Duration),
    /// The sender was slower than the minimum rate.
    #[error("the body arrived more slowly than {rate_min} bytes per second")]
    Slow {
        /// Bytes a second.
        rate_min: u32,
    },
    /// The connection ended in the middle.
    #[error("the body ended too early: {0}")]
    Cut(String),
    /// The body is longer than the limit.
    #[error("the body is longer than {bytes_max} bytes")]
    TooLong {
        /// Bytes.
        bytes_max: u64,
    },
    /// The body is not valid gzip.
    #[error("the body is not gzip: {0}")]
    NotGzip(String),
    /// The body decompresses to too many bytes: a decompression bomb.
    #[error("the body decompresses to more than {ratio} times its length")]
    Bomb {
        /// The highest accepted ratio of decompressed to compressed bytes.
        ratio: u64,
    },
}

/// A source of a body's bytes, read piece by piece.
#[async_trait]
pub trait ByteSource: Send {
    /// Returns the next piece, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault>;
}

/// The limits of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// The longest time without a byte.
    pub idle: Duration,
    /// The longest body in bytes, as transferred (compressed). `None` means no limit.
    pub bytes_max: Option<u64>,
    /// The lowest rate in bytes a second, checked after the first 5 seconds. `None` means no limit.
    pub rate_min: Option<u32>,
}

/// The rate is not checked before this time.
const RATE_GRACE: Duration = Duration::from_secs(5);

/// The pieces of a request's body, decompressed if the body is gzip.
pub struct Pieces {
    body: BodyDataStream,
    limits: BodyLimits,
    bytes: u64,
    begun: Instant,
    gzip: Option<Gunzip>,
}

impl Pieces {
    /// Creates the pieces of this body.
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
        // The idle timeout alone does not suffice: a sender of one byte now and then would hold its
        // slot for hours.
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

    /// Returns the whole body. The error is a body longer than `bytes_max` or slower than
    /// `rate_min` bytes a second.
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

    /// Reads and discards the rest of the body, for a limited time and length. A client that is
    /// still sending would not see the answer.
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
