//! Reads missing ranges from the broker again, and sends them to the handler.

use std::{ops::Range, sync::Arc, time::Duration};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use tokio::{runtime::Handle, task::spawn_blocking};
use weir_kafka::{BrokerError, QuietContext, TopicPartition};

use super::{
    Invoke, InvokeError, PollerConfig,
    batch::{Batch, EventFrame},
};

/// The longest wait for the next record of a range.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// The reason why a range could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum RefetchError {
    /// The broker did not return the range.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The handler failed. Everything before is stored.
    #[error("{0}: the records that were fetched before are stored; run the command again")]
    Handler(#[from] InvokeError),
}

/// Reads `ranges` and calls `handler` with their records, as the poller does. It does not change
/// the group's offsets.
///
/// `progress` is called with the number of processed offsets and of all offsets. Returns the number
/// of records.
pub async fn refetch(
    config: &PollerConfig,
    handler: &Arc<dyn Invoke>,
    ranges: Vec<(TopicPartition, Range<i64>)>,
    progress: impl Fn(u64, u64) + Send + 'static,
) -> Result<u64, RefetchError> {
    let mut client = config.client(0);
    client.set("client.id", "weir-refetch").set("auto.offset.reset", "earliest");
    let frame = EventFrame::new(
        &config.event_source,
        &config.bootstrap_servers,
        config.records_max.max(1),
        config.event_bytes_max,
    );
    let (handler, runtime, time_limit, bootstrap) =
        (Arc::clone(handler), Handle::current(), config.time_limit, config.bootstrap.clone());
    let context = QuietContext::of(&config.properties)?;
    let fetched = spawn_blocking(move || {
        let consumer: BaseConsumer<QuietContext> =
            client.create_with_context(context).map_err(BrokerError::Client)?;
        let total: i64 = ranges.iter().map(|(_, range)| range.end - range.start).sum();
        let mut fetch = Fetch {
            consumer,
            frame: Arc::new(frame),
            handler,
            runtime,
            time_limit,
            bootstrap,
            records: 0,
        };
        let mut done = 0;
        for (at, range) in &ranges {
            fetch.range(at, range, &|here| progress(unsigned(done + here), unsigned(total)))?;
            done += range.end - range.start;
        }
        Ok(fetch.records)
    });
    fetched.await.unwrap_or_else(|error| Err(InvokeError::new(error).into()))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

struct Fetch {
    consumer: BaseConsumer<QuietContext>,
    frame: Arc<EventFrame>,
    handler: Arc<dyn Invoke>,
    runtime: Handle,
    time_limit: Duration,
    bootstrap: String,
    records: u64,
}

impl Fetch {
    fn range(
        &mut self,
        at: &TopicPartition,
        range: &Range<i64>,
        progress: &dyn Fn(i64),
    ) -> Result<(), RefetchError> {
        let mut list = TopicPartitionList::with_capacity(1);
        let assigned =
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(range.start));
        assigned.and_then(|()| self.consumer.assign(&list)).map_err(|error| self.failed(error))?;
        let mut next = range.start;
        let mut batch = Batch::new(Arc::clone(&self.frame));
        while next < range.end {
            // Only borrows the consumer: `hand_over` needs the other fields.
            let polled = self.consumer.poll(QUIET_MAX);
            let (is_end, carried) = match &polled {
                Some(Ok(message)) if message.offset() < range.end => {
                    let carried = batch.push(at, next, message).err();
                    next = message.offset() + 1;
                    (false, carried)
                }
                // The range was read up to here.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => (true, None),
                Some(Err(error)) => return Err(self.failed(error.clone())),
                None => {
                    return Err(self.failed(KafkaError::MessageConsumption(
                        RDKafkaErrorCode::OperationTimedOut,
                    )));
                }
            };
            drop(polled);
            if is_end {
                batch.push_hole(at, next, range.end);
                next = range.end;
            }
            if batch.is_full() || carried.is_some() || next >= range.end {
                self.hand_over(
                    at,
                    std::mem::replace(&mut batch, Batch::new(Arc::clone(&self.frame))),
                )?;
                progress(next - range.start);
            }
            if let Some(carried) = carried {
                // An empty batch takes a record of any length.
                let _ = batch.push_carried(carried);
                if next >= range.end {
                    self.hand_over(
                        at,
                        std::mem::replace(&mut batch, Batch::new(Arc::clone(&self.frame))),
                    )?;
                }
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, at: &TopicPartition, mut batch: Batch) -> Result<(), RefetchError> {
        // The broker may have dropped records in the meantime. They count as not read.
        let watermarks = self.consumer.fetch_watermarks(&at.topic, at.partition, QUIET_MAX);
        let (low, high) = watermarks.map_err(|error| self.failed(error))?;
        if batch.spans().any(|(_, read)| high < read.end) {
            // A log that became shorter does not show which records it had.
            return Err(
                self.failed(KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange))
            );
        }
        let _ = batch.cut_at_loss(at, low);
        if batch.is_empty() {
            return Ok(());
        }
        let (event, read) = (batch.event(), batch.read());
        self.runtime.block_on(self.handler.invoke(event, &read, self.time_limit))?;
        self.records += batch.records() as u64;
        Ok(())
    }

    fn failed(&self, source: KafkaError) -> RefetchError {
        BrokerError::Ask { bootstrap: self.bootstrap.clone(), what: "records", source }.into()
    }
}
