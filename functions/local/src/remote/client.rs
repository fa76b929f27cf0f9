//! `weir --aws STACK …`: sends a command to the function, part by part.

use std::{ffi::OsString, time::Duration};

use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use weir_aws::{AwsError, InvokeError, Lambda};

use super::{
    allowed, function_name, identity,
    protocol::{Answer, Event, Next, Run, Watched},
};
use crate::{
    Exit,
    confirm::{self, Confirmation},
    output, progress,
    random::random,
};

/// The time between two requests for the progress.
const LOOK: Duration = Duration::from_secs(2);

/// Runs the command of this process in a stack.
pub(crate) async fn run(stack: &str, line: &[OsString]) -> Result<(), Exit> {
    let arguments = without_aws(line)?;
    allowed::check(&arguments)?;
    let lambda = Lambda::new().await.map_err(Exit::usage)?;
    let admin = Remote { lambda, function: function_name(stack) };
    tokio::select! {
        ended = admin.command(arguments) => ended,
        stopped = tokio::signal::ctrl_c() => {
            stopped.map_err(Exit::failed)?;
            Err(Exit::failed(format!(
                "stopped waiting: the step that runs in {} goes on to its end, at most 15 minutes, \
                    and no other one begins; run the command again to do the rest",
                admin.function
            )))
        }
    }
}

/// Returns the arguments without the name of the program and without `--aws`.
fn without_aws(line: &[OsString]) -> Result<Vec<String>, Exit> {
    let mut arguments = Vec::new();
    let mut given = line.iter().skip(1);
    while let Some(argument) = given.next() {
        let argument = argument
            .to_str()
            .ok_or_else(|| Exit::usage("an argument is not UTF-8, so it cannot be sent"))?;
        match argument {
            "--aws" => drop(given.next()),
            other if other.starts_with("--aws=") => {}
            other => arguments.push(other.to_owned()),
        }
    }
    Ok(arguments)
}

/// The function of a stack.
struct Remote {
    lambda: Lambda,
    function: String,
}

impl Remote {
    /// Runs a command, and asks the person where it needs a confirmation.
    async fn command(&self, mut arguments: Vec<String>) -> Result<(), Exit> {
        let Err(shown) = self.parts(&arguments, "").await? else { return Ok(()) };
        // The function cannot ask: the question is for the person here.
        confirm::question(Confirmation { yes: false }).await?;
        arguments.push("--yes".to_owned());
        self.parts(&arguments, &shown).await?.map_err(|_| {
            Exit::failed("nothing was changed: the function asks for a confirmation again")
        })
    }

    /// Runs a command part by part and prints its output, except what was `shown` before. The inner
    /// error is the output with the question.
    async fn parts(&self, arguments: &[String], shown: &str) -> Result<Result<(), String>, Exit> {
        let spinner = progress::spinner(&self.function);
        let ended = self.each_part(arguments, shown, &spinner).await;
        spinner.finish_and_clear();
        ended
    }

    async fn each_part(
        &self,
        arguments: &[String],
        shown: &str,
        spinner: &ProgressBar,
    ) -> Result<Result<(), String>, Exit> {
        let id = uuid::Builder::from_random_bytes(random()?).into_uuid();
        let (mut parts, mut state) = (0, serde_json::Value::Null);
        loop {
            // A proof is valid for 15 minutes, which is less than a long command takes.
            let own = identity::own(&self.function, id).await;
            let (actor, proof) = own.map_err(Exit::failed)?;
            let arguments = arguments.to_vec();
            let event = Event::Run(Run { id, arguments, actor, proof, parts, state });
            let answer = tokio::select! {
                answer = self.invoke::<Answer>(&event) => answer?,
                never = self.watch(spinner, id) => never,
            };
            // The plan is the same as before the question.
            let new = answer.stdout.strip_prefix(shown).unwrap_or(&answer.stdout);
            spinner.suspend(|| output::copy(new, &answer.stderr));
            match answer.next {
                Next::Part(next) => (parts, state) = (parts + 1, next),
                Next::Question => return Ok(Err(answer.stdout)),
                Next::Ended(0) => return Ok(Ok(())),
                Next::Ended(status) => return Err(Exit::reported(status)),
            }
        }
    }

    /// Shows the progress. It never ends: the other invocation does.
    async fn watch<T>(&self, spinner: &ProgressBar, id: Uuid) -> T {
        loop {
            tokio::time::sleep(LOOK).await;
            // Without a terminal, nothing is shown.
            if spinner.is_hidden() {
                continue;
            }
            // The next look may succeed.
            if let Ok(Watched { progress: Some(progress) }) = self.invoke(&Event::Watch(id)).await {
                spinner.set_message(format!("{}: {progress}", self.function));
            }
        }
    }

    async fn invoke<A: DeserializeOwned>(&self, event: &Event) -> Result<A, Exit> {
        let body = serde_json::to_vec(event).map_err(Exit::failed)?;
        let answer = self.lambda.invoke(&self.function, &body).await;
        serde_json::from_slice(&answer.map_err(exit_of)?).map_err(|error| {
            Exit::failed(format!("cannot read the answer of {}: {error}", self.function))
        })
    }
}

/// Returns the exit for an error of the invocation, with the remedy.
fn exit_of(error: InvokeError) -> Exit {
    let text = error.to_string();
    match error {
        InvokeError::NotFound { .. } => Exit::usage(format!(
            "{text}: give the name of the stack with --aws, and its region with AWS_REGION"
        )),
        InvokeError::Refused { function, status, .. } if status == 403 => Exit::usage(format!(
            "{text}; you need lambda:InvokeFunction on {function}, as the stack's policy \
                AdminInvokePolicy allows it"
        )),
        InvokeError::Aws(AwsError::NoRegion | AwsError::Credentials(_)) => Exit::usage(text),
        InvokeError::Lost { .. } => {
            Exit::failed(format!("{text}; the command may run until its end, see the table audit"))
        }
        _ => Exit::failed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_not_sent() {
        for line in ["weir --aws shop failures list", "weir failures --aws=shop list"] {
            let line: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert_eq!(without_aws(&line).unwrap(), ["failures", "list"]);
        }
    }
}
