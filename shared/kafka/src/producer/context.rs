//! Receives the callbacks of a producer: log lines, errors and delivery reports.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use rdkafka::{
    ClientContext, Message as _,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _},
    producer::{DeliveryResult, NoCustomPartitioner, ProducerContext},
};
use tokio::sync::Notify;

use crate::{Backpressure, Receipt, Settled, Tokens, client::log_line, message::record_bytes};

/// The records in flight.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) bytes: AtomicUsize,
    /// Notified when half of the queue is free again, so that senders are not woken for each
    /// record.
    pub(super) room: Notify,
    /// Set when an idempotent producer has a fatal error. It sends no more records, so another one
    /// has to replace it.
    pub(super) is_broken: AtomicBool,
}

impl Flow {
    pub(super) fn settled(&self, bytes: usize, bytes_max: usize) {
        let before = self.bytes.fetch_sub(bytes, SeqCst);
        let low = bytes_max / 2;
        if before >= low && before - bytes < low {
            self.room.notify_waiters();
        }
    }
}

/// Receives the delivery report of each record, on the client's own thread.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) flow: Arc<Flow>,
    pub(super) backpressure: Option<Arc<Backpressure>>,
    pub(super) tokens: Tokens,
    pub(super) in_flight_bytes_max: usize,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.flow.is_broken.store(true, SeqCst);
        }
        // The caller gets the error itself, so a warning would repeat it.
        tracing::debug!(target: "kafka", "{error}: {reason}");
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        let (message, settled) = match result {
            Ok(message) => (
                message,
                Settled::Acknowledged { partition: message.partition(), offset: message.offset() },
            ),
            Err((error, message))
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) =>
            {
                (message, Settled::TooLarge)
            }
            Err((error, message)) => (message, Settled::Failed(error.to_string())),
        };
        let bytes = bytes_of(message);
        if let (Some(limit), Ok(message)) = (&self.backpressure, result) {
            limit.delivered(message.topic(), message.partition(), message.offset(), bytes);
        }
        self.flow.settled(bytes, self.in_flight_bytes_max);
        receipt.settle(settled);
    }
}

/// Returns the same number as [`Message::record_bytes`](crate::Message) returned when the record
/// was sent.
fn bytes_of(message: &BorrowedMessage<'_>) -> usize {
    let headers = message.headers();
    let headers = headers.iter().flat_map(|headers| headers.iter());
    record_bytes(message.key(), message.payload(), headers.map(|header| (header.key, header.value)))
}
