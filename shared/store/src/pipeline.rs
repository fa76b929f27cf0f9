//! Sends statements one after the other without waiting, and reads the answers in order.

use std::{future::Future, pin::Pin, task::Poll};

use crate::StoreError;

type PendingAnswer<'p> = Pin<Box<dyn Future<Output = Result<u64, StoreError>> + Send + 'p>>;

/// Sent requests. Every answer is checked: after an error the server refuses the other statements,
/// and then answers `COMMIT` with success although it rolled back.
#[derive(Default)]
pub(crate) struct Pipeline<'p> {
    waiting: Vec<(Option<Result<u64, StoreError>>, PendingAnswer<'p>)>,
}

impl<'p> Pipeline<'p> {
    /// Sends a request now, because the driver sends it at the first poll of its future.
    ///
    /// A future must contain one request only. A second one would be sent when the answers are
    /// awaited, after `COMMIT`.
    pub(crate) async fn send(
        &mut self,
        request: impl Future<Output = Result<u64, StoreError>> + Send + 'p,
    ) {
        let mut request: PendingAnswer<'p> = Box::pin(request);
        let answer = std::future::poll_fn(|context| {
            Poll::Ready(match request.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        })
        .await;
        self.waiting.push((answer, request));
    }

    /// Waits for every answer. The first error in the order of sending is the cause of the others.
    pub(crate) async fn finish(self) -> Result<Vec<u64>, StoreError> {
        let mut counts = Vec::with_capacity(self.waiting.len());
        let mut first_error = None;
        for (answer, request) in self.waiting {
            let answer = match answer {
                Some(answer) => answer,
                None => request.await,
            };
            match answer {
                Ok(count) => counts.push(count),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(counts), Err)
    }
}
