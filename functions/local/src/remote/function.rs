//! The function: checks a command, writes its row of the table `audit`, runs it, and completes the
//! row.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use weir_function::Trigger;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{
    DatabaseConfig, Store, StoreError,
    audit::{self, Outcome, Source, Use},
};

use super::{
    allowed,
    child::{self, Ended},
    identity,
    protocol::{Answer, Event, Next, Run, Watched},
};
use crate::{
    Exit,
    part::{Given, Left},
};

/// Time that is reserved at the end of an invocation, for the answer.
const ANSWER_TIME: Duration = Duration::from_secs(15);
/// Time that a command has to end at its next step before it is stopped.
const END_TIME: Duration = Duration::from_secs(15);

/// Run commands of `weir` that a person sends with `weir --aws STACK`
///
/// These are the settings of the function itself. The commands read the settings of `weir`.
#[derive(Debug, clap::Parser)]
#[command(name = "admin", version)]
pub struct AdminSettings {
    /// The database of the table `audit`.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Time after which a command begins no further step, in seconds
    ///
    /// A long command then goes on in the next invocation. A dump goes on until the end of a day.
    #[arg(long, env = "ADMIN_PART_SECONDS", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=840))]
    pub admin_part_seconds: u32,
}

/// Runs the function `admin`, with these models and plugins. Outside of Lambda it is [`run`].
///
/// [`run`]: crate::run
#[expect(clippy::disallowed_methods, reason = "this code reads the environment")]
pub fn function(models: Models, plugins: Plugins) -> ExitCode {
    if std::env::var_os(child::RUNTIME_API).is_none() {
        return crate::run(models, plugins);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve()),
        Err(error) => weir_function::refuse("admin", error),
    }
}

async fn serve() -> ExitCode {
    match weir_function::start("admin", start).await {
        Ok((admin, runtime)) => {
            let handle = |event| admin.handle(event);
            runtime.serve(Trigger::Other, service_fn(handle)).await
        }
        Err(exit) => exit,
    }
}

async fn start(settings: AdminSettings) -> Result<Admin, StoreError> {
    let store = Store::new(&settings.database)?;
    weir_function::warm_up(store.ping(), |error| matches!(error, StoreError::Setting(_))).await?;
    let part = Duration::from_secs(settings.admin_part_seconds.into());
    Ok(Admin { store, part })
}

/// The function.
struct Admin {
    store: Store,
    part: Duration,
}

/// The invocation of a part.
struct Invocation {
    function: String,
    request_id: String,
    time_left: Duration,
}

impl Admin {
    #[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
    async fn handle(&self, event: LambdaEvent<Event>) -> Result<Value, lambda_runtime::Error> {
        let LambdaEvent { payload, context } = event;
        let run = match payload {
            Event::Watch(id) => {
                let state = audit::state(&self.store, id).await?;
                let progress = state.and_then(|state| state.progress);
                return Ok(serde_json::to_value(Watched { progress })?);
            }
            Event::Run(run) => run,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let invocation = Invocation {
            function: context.env_config.function_name.clone(),
            request_id: context.request_id,
            time_left: Duration::from_millis(context.deadline).saturating_sub(now),
        };
        // Boxed because the SDK's futures are nested too deeply for the compiler.
        let answer = Box::pin(self.run(&run, &invocation)).await.unwrap_or_else(|exit| {
            tracing::warn!(id = %run.id, reason = %exit, "the command was not run");
            Answer {
                stderr: format!("weir: {exit}\n"),
                next: Next::Ended(exit.code()),
                ..Answer::default()
            }
        });
        Ok(serde_json::to_value(answer)?)
    }

    /// Runs a part of a command. After an error nothing was run.
    async fn run(&self, run: &Run, invocation: &Invocation) -> Result<Answer, Exit> {
        allowed::check(&run.arguments)?;
        let action = crate::audit::line(&run.arguments);
        self.begin(run, &action, invocation).await?;
        tracing::info!(id = %run.id, parts = run.parts, action, "a command begins");
        let limit = invocation.time_left.saturating_sub(ANSWER_TIME);
        let given = Given {
            part: self.part,
            limit: limit.saturating_sub(END_TIME),
            state: run.state.clone(),
        };
        let heard = async |progress: String| {
            // The progress is only a help.
            if let Err(error) = audit::note_progress(&self.store, run.id, &progress).await {
                tracing::warn!(%error, "the progress is not noted");
            }
        };
        let ended = child::run(&run.arguments, &given, limit, heard).await;
        let (mut answer, end) = match ended {
            Ok(ended) => answer_of(ended, limit),
            Err(error) => {
                let stderr = format!("weir: cannot run the command: {error}\n");
                let answer = Answer { stderr, next: Next::Ended(1), ..Answer::default() };
                (answer, Some((Outcome::Failed, None)))
            }
        };
        if let Some((outcome, status)) = end {
            tracing::info!(id = %run.id, ?outcome, status, "the command ended");
            if let Err(error) = audit::end(&self.store, run.id, outcome, status).await {
                tracing::error!(id = %run.id, %error, "the row of the audit is not completed");
                answer.note(format_args!("the row of the table audit is not completed: {error}"));
            }
        }
        answer.fit();
        Ok(answer)
    }

    /// Writes the row of the audit before the command begins.
    async fn begin(&self, run: &Run, action: &str, invocation: &Invocation) -> Result<(), Exit> {
        let Invocation { function, request_id, .. } = invocation;
        let nothing =
            |why: &dyn std::fmt::Display| Exit::failed(format!("nothing was done: {why}"));
        let proved = identity::proved(function, run.id, &run.proof).await;
        let proved = proved.map_err(|error| nothing(&error))?;
        let begun = if run.parts == 0 {
            let begun = Use {
                id: run.id,
                source: Source::Admin,
                is_proved: proved.is_some(),
                actor: proved.unwrap_or_else(|| run.actor.clone()),
                action: action.to_owned(),
                request_id: Some(request_id.clone()),
            };
            audit::begin(&self.store, &begun).await
        } else {
            let (actor, request) = (proved.as_deref(), request_id.as_str());
            audit::resume(&self.store, run.id, run.parts, action, actor, request).await
        };
        match begun {
            Ok(true) => Ok(()),
            Ok(false) => Err(nothing(&format!(
                "this command was begun before, see the row {} of the table audit",
                run.id
            ))),
            Err(error) => Err(nothing(&format!("cannot write the table audit: {error}"))),
        }
    }
}

/// Returns the answer for the end of a child process, and how the command ended; `None` if it goes
/// on.
fn answer_of(ended: Ended, limit: Duration) -> (Answer, Option<(Outcome, Option<i16>)>) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut answer = Answer {
        stdout: text(ended.stdout),
        stderr: text(ended.stderr),
        next: Next::Ended(ended.status.unwrap_or(1)),
    };
    let end = match (ended.left, ended.status) {
        (Some(Left::State(state)), _) => {
            answer.next = Next::Part(state);
            None
        }
        (Some(Left::Question), status) => {
            answer.next = Next::Question;
            Some((Outcome::Asked, status))
        }
        (None, Some(0)) => Some((Outcome::Done, Some(0))),
        (None, Some(status)) => Some((Outcome::Failed, Some(status))),
        (None, None) if ended.is_late => {
            answer.note(format_args!(
                "stopped after {} s, because Lambda ends each invocation after 15 minutes; the \
                    database rolled back what was not committed; run the command in parts, for \
                    example with --from or --topic, or from a machine in the VPC",
                limit.as_secs()
            ));
            Some((Outcome::Stopped, None))
        }
        (None, None) => {
            answer.note(format_args!("the command was killed; give the function more memory"));
            Some((Outcome::Failed, None))
        }
    };
    (answer, end.map(|(outcome, status)| (outcome, status.map(i16::from))))
}
