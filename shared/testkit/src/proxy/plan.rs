//! What the proxy is told, and what it has seen: shared by its connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::message::Message;

/// The message at which the proxy acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The n-th message from a client since the plan was set, from 1.
    Message(usize),
    /// The first message that sends an SQL text (`Query`, `Parse`) with this string in it.
    Sql(String),
    /// The first message that runs a statement (`Query`, `Bind`) with this string in its text; for
    /// prepared statements, which are parsed long before they are run.
    Execute(String),
}

/// What the proxy does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Cut both sides; the server never sees the message.
    BeforeForward,
    /// Let the server do it, wait until it has answered the request that the message belongs to,
    /// deliver nothing of that to the client, and cut.
    SwallowAnswer,
    /// Keep the message and both sides open until `release` or `cut`.
    Hold,
}

/// What came by since the plan was set.
#[derive(Debug, Default)]
pub(super) struct Seen {
    plan: Option<(Step, Action)>,
    pub(super) messages: usize,
    pub(super) statements: Vec<String>,
    pub(super) executed: Vec<String>,
}

/// State of the proxy, and its signals.
#[derive(Debug, Default)]
pub(super) struct Shared {
    seen: Mutex<Seen>,
    pub(super) reached: watch::Sender<bool>,
    pub(super) releases: watch::Sender<u64>,
    pub(super) cuts: watch::Sender<u64>,
    pub(super) refuse: watch::Sender<bool>,
}

impl Shared {
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_plan(&self, plan: Option<(Step, Action)>) {
        let mut seen = self.seen();
        *seen = Seen { plan, ..Seen::default() };
        self.reached.send_replace(false);
    }

    /// Notes a client's message; gives the action if this is the one. `sql` is the text that the
    /// message sends or, for `Bind`, runs.
    pub(super) fn note(&self, message: &Message, sql: Option<&str>) -> Option<Action> {
        // Logging in takes as many messages as it takes.
        if message.tag() == b'p' {
            return None;
        }
        let mut seen = self.seen();
        seen.messages += 1;
        let (sends, runs) =
            (matches!(message.tag(), b'Q' | b'P'), matches!(message.tag(), b'Q' | b'B'));
        if let Some(sql) = sql {
            let line = sql.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
            if sends {
                seen.statements.push(line.to_owned());
            }
            if runs {
                seen.executed.push(line.to_owned());
            }
        }
        let has = |wanted: &str| sql.is_some_and(|sql| sql.contains(wanted));
        let is_it = match &seen.plan.as_ref()?.0 {
            Step::Message(number) => *number == seen.messages,
            Step::Sql(wanted) => sends && has(wanted),
            Step::Execute(wanted) => runs && has(wanted),
        };
        if is_it { seen.plan.take().map(|(_, action)| action) } else { None }
    }
}
