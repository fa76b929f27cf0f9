//! Assigned partitions that are not read yet. The worker first asks the broker and the database for
//! the start offsets.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, channel},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use weir_kafka::TopicPartition;
use weir_store::positions::{Assigned, StoredPosition};

use super::{InvokeError, StoredPositions, offset_lookup::StartOffsets};

/// The pause between two tries after an error.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The pause between two tries without an error.
const SOON: Duration = Duration::from_millis(20);

/// The timeout of a question to the database. Then the worker asks again.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The minimum time between two warnings about waiting partitions.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The pause between two tries of a partition that cannot start while others can.
const ALONE_AFTER: Duration = Duration::from_secs(5);

/// The time after which the log names a partition that librdkafka does not move.
const MOVE_LIMIT: Duration = Duration::from_secs(10);

/// The time between two comparisons of quiet partitions with the database. Someone may have
/// restored the database to an earlier state.
const CHECK_EVERY: Duration = Duration::from_secs(30);

type Answer = Result<Vec<Start>, InvokeError>;

/// A partition and the next offset that the worker reads.
type PositionedPartition = (TopicPartition, i64);

/// The `next_offset` of each partition; `None` for a partition that was never stored.
type NextOffsets = Result<Vec<Option<i64>>, InvokeError>;

/// The stored position of a partition, and the reason if it must not be read.
pub(super) type Start = (StoredPosition, Option<String>);

/// The waiting partitions, and the running question. No method waits for an answer, because the
/// consumer must keep polling.
pub(super) struct Starting {
    stored: Arc<dyn StoredPositions>,
    runtime: Handle,
    begins_at_end: bool,
    waiting: Vec<TopicPartition>,
    asked: Option<(Vec<StartOffsets>, Receiver<Answer>)>,
    try_at: Option<Instant>,
    told: Option<Instant>,
    /// Partitions that cannot start while others can, each with the time of the next try.
    alone: BTreeMap<TopicPartition, Instant>,
    /// Partitions that librdkafka does not move yet, each with the time of the first try.
    unmoved: BTreeMap<TopicPartition, Instant>,
    /// The running comparison of quiet partitions, with their read positions at its start.
    checked: Option<(Vec<PositionedPartition>, Receiver<NextOffsets>)>,
    check_at: Instant,
}

impl Starting {
    /// `begins_at_end`: a partition that was never read is read from its end.
    pub(super) fn new(
        stored: &Arc<dyn StoredPositions>,
        runtime: Handle,
        begins_at_end: bool,
    ) -> Self {
        Self {
            stored: Arc::clone(stored),
            runtime,
            begins_at_end,
            waiting: Vec::new(),
            asked: None,
            try_at: None,
            told: None,
            alone: BTreeMap::new(),
            unmoved: BTreeMap::new(),
            checked: None,
            check_at: Instant::now() + CHECK_EVERY,
        }
    }

    pub(super) fn waiting(&self) -> &[TopicPartition] {
        &self.waiting
    }

    pub(super) fn add(&mut self, partitions: Vec<TopicPartition>) {
        self.waiting.extend(partitions);
        self.try_at = None;
    }

    /// Removes partitions that were revoked or have started.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.waiting.retain(|at| !partitions.contains(at));
        for at in partitions {
            self.alone.remove(at);
            self.unmoved.remove(at);
        }
    }

    /// Returns the waiting partitions to ask about now; none while a question is running.
    pub(super) fn due(&self) -> Vec<TopicPartition> {
        let now = Instant::now();
        if self.asked.is_some() || self.try_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        let is_due = |at: &&TopicPartition| self.alone.get(at).is_none_or(|again| *again <= now);
        self.waiting.iter().filter(is_due).cloned().collect()
    }

    /// Tries one partition later, so that it does not stop the others.
    pub(super) fn try_alone(&mut self, at: &TopicPartition, why: &dyn std::fmt::Display) {
        if self.alone.insert(at.clone(), Instant::now() + ALONE_AFTER).is_none() {
            let seconds = ALONE_AFTER.as_secs();
            tracing::warn!("{at} is not read, and retried every {seconds} s: {why}");
        }
    }

    /// Notes that librdkafka does not move a partition. It usually does so within a second, when it
    /// has begun to fetch the partition.
    pub(super) fn not_moved(&mut self, at: &TopicPartition, why: &dyn std::fmt::Display) {
        let since = *self.unmoved.entry(at.clone()).or_insert_with(Instant::now);
        if since.elapsed() > MOVE_LIMIT {
            self.try_alone(at, why);
        }
        self.try_at = Some(Instant::now() + SOON);
    }

    /// Plans the next try after an error, and logs the error at most once a minute.
    pub(super) fn try_later(&mut self, why: &dyn std::fmt::Display) {
        self.try_at = Some(Instant::now() + RETRY_AFTER);
        if self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!(
                "{} partitions are not read, because their start offset is unknown: {why}",
                self.waiting.len()
            );
        }
    }

    /// Returns the offset at which the consumer group would start.
    pub(super) fn group_start(&self, start: &StartOffsets) -> i64 {
        start.committed.unwrap_or(if self.begins_at_end { start.high } else { start.low })
    }

    /// Asks the database for the positions of these partitions.
    pub(super) fn ask(&mut self, starts: Vec<StartOffsets>) {
        let partitions = starts.iter().map(|start| Assigned {
            topic: start.at.topic.to_string(),
            partition: start.at.partition,
            low: start.low,
            begin: if self.begins_at_end { self.group_start(start) } else { start.low },
        });
        let (partitions, stored) = (partitions.collect(), Arc::clone(&self.stored));
        let ends = starts.iter().map(|start| (start.at.clone(), start.high)).collect();
        let (answers, answer) = channel();
        self.runtime.spawn(async move {
            let question = async {
                let positions = stored.assign(partitions).await?;
                Ok(positions.into_iter().zip(stored.contradictions(ends).await?).collect())
            };
            let answered = tokio::time::timeout(ANSWER_LIMIT, question).await;
            let _ =
                answers.send(answered.unwrap_or_else(|_| {
                    Err(InvokeError::new("the database did not answer in time"))
                }));
        });
        self.asked = Some((starts, answer));
    }

    /// Returns whether the next comparison of quiet partitions is due.
    pub(super) fn check_is_due(&self) -> bool {
        self.checked.is_none() && self.check_at <= Instant::now()
    }

    /// Asks the database for the positions of partitions that were read up to these offsets.
    pub(super) fn check(&mut self, read: Vec<(TopicPartition, i64)>) {
        self.check_at = Instant::now() + CHECK_EVERY;
        let (partitions, stored) =
            (read.iter().map(|(at, _)| at.clone()).collect(), Arc::clone(&self.stored));
        let (answers, answer) = channel();
        self.runtime.spawn(async move {
            if let Ok(answered) =
                tokio::time::timeout(ANSWER_LIMIT, stored.next_offsets(partitions)).await
            {
                let _ = answers.send(answered);
            }
        });
        self.checked = Some((read, answer));
    }

    /// Returns the partitions whose stored position is below the read position, with that read
    /// position. It is empty while the database has not answered.
    pub(super) fn lacking(&mut self) -> Vec<(TopicPartition, i64)> {
        let Some((_, answer)) = &self.checked else { return Vec::new() };
        let stored = match answer.try_recv() {
            Ok(Ok(stored)) => stored,
            Err(TryRecvError::Empty) => return Vec::new(),
            Ok(Err(_)) | Err(TryRecvError::Disconnected) => Vec::new(),
        };
        let read = mem::take(&mut self.checked).map(|(read, _)| read).unwrap_or_default();
        let lacking = read
            .into_iter()
            .zip(stored)
            .filter(|((_, read), stored)| stored.is_none_or(|next| next < *read));
        lacking.map(|(read, _)| read).collect()
    }

    /// Returns the partitions that still wait, with their positions. `None` while the database has
    /// not answered.
    pub(super) fn answered(&mut self) -> Option<Vec<(StartOffsets, Start)>> {
        let answer = match self.asked.as_ref()?.1.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(InvokeError::new("the runtime was shut down")),
        };
        let (starts, _) = mem::take(&mut self.asked)?;
        match answer {
            Ok(positions) if positions.len() == starts.len() => {
                self.told = None;
                let found = starts.into_iter().zip(positions);
                Some(found.filter(|(start, _)| self.waiting.contains(&start.at)).collect())
            }
            Ok(_) => {
                self.try_later(&"the database did not answer for each partition");
                None
            }
            Err(error) => {
                self.try_later(&error);
                None
            }
        }
    }
}
