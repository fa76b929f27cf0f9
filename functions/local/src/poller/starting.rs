//! Partitions that are ours and not read yet: first the broker and the database are asked where to
//! start.

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

/// Pause between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The same where nothing is wrong.
const SOON: Duration = Duration::from_millis(20);

/// How long the database may take to answer; then it is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// How often it is said that partitions wait.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The time after which a partition is tried again that cannot start alone.
const ALONE_AFTER: Duration = Duration::from_secs(5);

/// The time after which a partition that cannot be moved is named.
const MOVE_LIMIT: Duration = Duration::from_secs(10);

/// How often partitions that nothing comes from are compared with the database: it may have been
/// put back to an earlier state.
const CHECK_EVERY: Duration = Duration::from_secs(30);

type Answer = Result<Vec<Start>, InvokeError>;

/// A partition, and where reading of it was.
type PositionedPartition = (TopicPartition, i64);

/// How far partitions are stored; `None` of one that never was.
type NextOffsets = Result<Vec<Option<i64>>, InvokeError>;

/// How far a partition is stored, and why it must not be read on.
pub(super) type Start = (StoredPosition, Option<String>);

/// What waits, and the question under way. Nothing here waits for an answer: the consumer has to
/// poll on.
pub(super) struct Starting {
    stored: Arc<dyn StoredPositions>,
    runtime: Handle,
    begins_at_end: bool,
    waiting: Vec<TopicPartition>,
    asked: Option<(Vec<StartOffsets>, Receiver<Answer>)>,
    try_at: Option<Instant>,
    told: Option<Instant>,
    /// Partitions that cannot start although others can, with the time of the next try.
    alone: BTreeMap<TopicPartition, Instant>,
    /// Partitions that librdkafka does not move yet, with the time of the first try.
    unmoved: BTreeMap<TopicPartition, Instant>,
    /// Where partitions were when it was asked how far they are stored.
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

    /// Forgets partitions that are ours no more, or that have started.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.waiting.retain(|at| !partitions.contains(at));
        for at in partitions {
            self.alone.remove(at);
            self.unmoved.remove(at);
        }
    }

    /// Returns the waiting partitions that can be tried now.
    pub(super) fn due(&self) -> Vec<TopicPartition> {
        let now = Instant::now();
        let is_due = |at: &&TopicPartition| self.alone.get(at).is_none_or(|again| *again <= now);
        self.waiting.iter().filter(is_due).cloned().collect()
    }

    /// Whether the next question is due.
    pub(super) fn is_due(&self) -> bool {
        self.asked.is_none()
            && self.try_at.is_none_or(|at| at <= Instant::now())
            && !self.due().is_empty()
    }

    /// Tries one partition later, so that it does not stop the others.
    pub(super) fn try_alone(&mut self, at: &TopicPartition, why: &dyn std::fmt::Display) {
        if self.alone.insert(at.clone(), Instant::now() + ALONE_AFTER).is_none() {
            tracing::warn!("{at} is not read, and retried every 5 s: {why}");
        }
    }

    /// Notes that librdkafka does not move a partition. It usually does so within a second, when it
    /// has begun to fetch the partition.
    pub(super) fn not_moved(&mut self, at: &TopicPartition, why: &dyn std::fmt::Display) {
        let since = *self.unmoved.entry(at.clone()).or_insert_with(Instant::now);
        if since.elapsed() > MOVE_LIMIT {
            self.try_alone(at, why);
        }
        self.try_soon();
    }

    /// Again in a moment, and nothing to tell.
    pub(super) fn try_soon(&mut self) {
        self.try_at = Some(Instant::now() + SOON);
    }

    /// Something did not answer, or not as it should: again in a moment.
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

    /// Where the group would go on.
    pub(super) fn group_start(&self, start: &StartOffsets) -> i64 {
        start.committed.unwrap_or(if self.begins_at_end { start.high } else { start.low })
    }

    /// Asks the database about partitions of which the broker has told its offsets.
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
            let _ = answers.send(answered.unwrap_or_else(|_| {
                Err(InvokeError::new(
                    "the database did not answer in \
                    time",
                ))
            }));
        });
        self.asked = Some((starts, answer));
    }

    /// Whether it is time to ask how far partitions are stored that nothing comes from.
    pub(super) fn check_is_due(&self) -> bool {
        self.checked.is_none() && self.check_at <= Instant::now()
    }

    /// Asks that, of partitions that were read up to these offsets.
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

    /// The answer, when it is there: what is stored less far, and how far it was read then. Without
    /// an answer it is asked again later.
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

    /// The answer, when it is there: what is still waiting, with its position.
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
