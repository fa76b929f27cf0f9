//! The plan of the proxy and its records of messages, which its connections share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::message::Message;

/// The message at which the proxy acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The n-th message from a client since the plan was set, from 1.
    Message(usize),
    /// The first message that sends an SQL text (`Query`, `Parse`) that contains this string.
    Sql(String),
    /// The first message that runs a statement (`Query`, `Bind`) whose text contains this string.
    /// For prepared statements, which are parsed long before they run.
    Execute(String),
}

/// The action of the proxy at the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Close both sides; the server never gets the message.
    BeforeForward,
    /// Forward the message, wait until the server has answered its request, send no part of the
    /// answer to the client, and close both sides.
    SwallowAnswer,
    /// Keep the message and both sides open until `release` or `cut`.
    Hold,
}

/// The messages since the plan was set.
#[derive(Debug, Default)]
pub(super) struct Seen {
    plan: Option<(Step, Action)>,
    pub(super) messages: usize,
    pub(super) statements: Vec<String>,
    pub(super) executed: Vec<String>,
}

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

    /// Records a client's message; returns the action if the message matches the plan. `sql` is the
    /// text that the message sends or, for `Bind`, runs.
    pub(super) fn note(&self, message: &Message, sql: Option<&str>) -> Option<Action> {
        // The number of messages of an authentication varies, so they do not count.
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
