//! GitHub's webhooks.
//!
//! Source: GitHub Docs, "Webhook events and payloads".

use serde_json::{Value, json};

use super::{ConvertError, Converted, Origin, maybe, outcome, required};

/// The types of messages that make events.
const KNOWN: [&str; 8] = [
    "push",
    "pull_request",
    "pull_request_review",
    "workflow_run",
    "workflow_job",
    "release",
    "deployment",
    "deployment_status",
];

pub(super) fn convert(event: Option<&str>, body: &Value) -> Result<Vec<Value>, ConvertError> {
    let Some(event) = event else {
        return Err(ConvertError::new(
            "the header X-GitHub-Event is missing: it names the event type of a message of GitHub",
        ));
    };
    // This check comes first, because other messages, such as those of an installation, may have no
    // repository.
    if !KNOWN.contains(&event) {
        return Ok(Vec::new());
    }
    let from = GitHub(Origin {
        body,
        project: required(body, "/repository/full_name")?,
        source: required(body, "/repository/html_url")?,
    });
    match event {
        "push" => from.push(),
        "pull_request" => from.pull_request(),
        "pull_request_review" => from.review(),
        "workflow_run" => from.workflow_run(),
        "workflow_job" => from.workflow_job(),
        "release" => from.release(),
        "deployment" => from.deployment("queued"),
        "deployment_status" => from.deployment(&required(body, "/deployment_status/state")?),
        _ => Ok(Vec::new()),
    }
}

struct GitHub<'a>(Origin<'a>);

impl GitHub<'_> {
    fn push(&self) -> Converted {
        const TIMES: [&str; 2] = ["/head_commit/timestamp", "/repository/pushed_at"];
        let reference = required(self.0.body, "/ref")?;
        // The push of a tag makes no event: the message `release` makes the events of tags.
        let Some(branch) = reference.strip_prefix("refs/heads/") else { return Ok(Vec::new()) };
        let of_branch = |what| {
            self.0.event(
                what,
                &TIMES,
                &format!("{}/{branch}", self.0.project),
                self.0.in_repository(),
            )
        };
        let is = |member: &str| self.0.body[member] == true;
        let mut all = Vec::new();
        if is("deleted") {
            all.push(of_branch("branch.deleted"));
            return Ok(all);
        }
        if is("created") {
            all.push(of_branch("branch.created"));
        }
        if let Some(commit) = maybe(self.0.body, "/head_commit/id") {
            let is_default =
                maybe(self.0.body, "/repository/default_branch").as_deref() == Some(branch);
            let what = if is_default { "change.merged" } else { "change.updated" };
            all.push(self.0.event(what, &TIMES, &commit, self.0.in_repository()));
        }
        Ok(all)
    }

    fn change(&self) -> Result<String, ConvertError> {
        Ok(format!("{}/pull/{}", self.0.project, required(self.0.body, "/pull_request/number")?))
    }

    fn pull_request(&self) -> Converted {
        let merged = self.0.body.pointer("/pull_request/merged") == Some(&Value::Bool(true));
        let (what, times) = match maybe(self.0.body, "/action").as_deref() {
            Some("opened" | "reopened" | "ready_for_review") => {
                ("change.created", ["/pull_request/updated_at", "/pull_request/created_at"])
            }
            Some("synchronize" | "edited") => {
                ("change.updated", ["/pull_request/updated_at", "/pull_request/created_at"])
            }
            Some("closed") if merged => {
                ("change.merged", ["/pull_request/merged_at", "/pull_request/closed_at"])
            }
            Some("closed") => {
                ("change.abandoned", ["/pull_request/closed_at", "/pull_request/updated_at"])
            }
            _ => return Ok(Vec::new()),
        };
        let mut content = self.0.in_repository();
        if what == "change.created" {
            content["description"] = maybe(self.0.body, "/pull_request/title").into();
        }
        Ok(vec![self.0.event(what, &times, &self.change()?, content)])
    }

    fn review(&self) -> Converted {
        if maybe(self.0.body, "/action").as_deref() != Some("submitted") {
            return Ok(Vec::new());
        }
        Ok(vec![self.0.event(
            "change.reviewed",
            &["/review/submitted_at"],
            &self.change()?,
            self.0.in_repository(),
        )])
    }

    fn workflow_run(&self) -> Converted {
        let mut content = json!({"pipelineName": maybe(self.0.body, "/workflow_run/name"), "uri": maybe(self.0.body, "/workflow_run/html_url")});
        let (what, times) = match maybe(self.0.body, "/action").as_deref() {
            Some("requested") => {
                ("pipelinerun.queued", ["/workflow_run/created_at", "/workflow_run/updated_at"])
            }
            Some("in_progress") => (
                "pipelinerun.started",
                ["/workflow_run/run_started_at", "/workflow_run/updated_at"],
            ),
            Some("completed") => {
                content["outcome"] = maybe(self.0.body, "/workflow_run/conclusion")
                    .map(|conclusion| outcome::of(&conclusion))
                    .into();
                ("pipelinerun.finished", ["/workflow_run/updated_at", "/workflow_run/created_at"])
            }
            _ => return Ok(Vec::new()),
        };
        let id = format!(
            "{}/actions/runs/{}",
            self.0.project,
            required(self.0.body, "/workflow_run/id")?
        );
        Ok(vec![self.0.event(what, &times, &id, content)])
    }

    fn workflow_job(&self) -> Converted {
        let mut content = json!({"taskName": maybe(self.0.body, "/workflow_job/name"), "uri": maybe(self.0.body, "/workflow_job/html_url")});
        let (what, times) = match maybe(self.0.body, "/action").as_deref() {
            Some("in_progress") => {
                ("taskrun.started", ["/workflow_job/started_at", "/workflow_job/created_at"])
            }
            Some("completed") => {
                content["outcome"] = maybe(self.0.body, "/workflow_job/conclusion")
                    .map(|conclusion| outcome::of(&conclusion))
                    .into();
                ("taskrun.finished", ["/workflow_job/completed_at", "/workflow_job/started_at"])
            }
            _ => return Ok(Vec::new()),
        };
        let run = format!(
            "{}/actions/runs/{}",
            self.0.project,
            required(self.0.body, "/workflow_job/run_id")?
        );
        content["pipelineRun"] = json!({"id": run});
        let id = format!(
            "{}/actions/jobs/{}",
            self.0.project,
            required(self.0.body, "/workflow_job/id")?
        );
        Ok(vec![self.0.event(what, &times, &id, content)])
    }

    fn artifact(&self, version: &str) -> String {
        format!("pkg:github/{}@{version}", self.0.project.to_lowercase())
    }

    fn release(&self) -> Converted {
        let what = match maybe(self.0.body, "/action").as_deref() {
            Some("published") => "artifact.published",
            Some("deleted") => "artifact.deleted",
            _ => return Ok(Vec::new()),
        };
        let artifact = self.artifact(&required(self.0.body, "/release/tag_name")?);
        let content = json!({"user": maybe(self.0.body, "/release/author/login")});
        let times: &[&str] = if what == "artifact.published" {
            &["/release/published_at", "/release/created_at"]
        } else {
            &[]
        };
        Ok(vec![self.0.event(what, times, &artifact, content)])
    }

    /// A deployment becomes a run of the pipeline that deploys. After a success, the service is
    /// also deployed in the environment.
    fn deployment(&self, state: &str) -> Converted {
        const TIMES: [&str; 2] = ["/deployment_status/created_at", "/deployment/created_at"];
        let mut content = json!({"uri": maybe(self.0.body, "/deployment_status/target_url")});
        let what = match state {
            "queued" | "pending" => "pipelinerun.queued",
            "in_progress" => "pipelinerun.started",
            "success" | "failure" | "error" => {
                content["outcome"] = outcome::of(state).into();
                "pipelinerun.finished"
            }
            // Another deployment replaced this one. This does not remove the service.
            _ => return Ok(Vec::new()),
        };
        let environment = required(self.0.body, "/deployment/environment")?;
        content["pipelineName"] = format!("deploy to {environment}").into();
        let id =
            format!("{}/deployments/{}", self.0.project, required(self.0.body, "/deployment/id")?);
        let mut all = vec![self.0.event(what, &TIMES, &id, content)];
        if state == "success" {
            let version = maybe(self.0.body, "/deployment/sha")
                .or_else(|| maybe(self.0.body, "/deployment/ref"));
            let version =
                version.ok_or_else(|| ConvertError::new("the message has no deployment.sha"))?;
            let content =
                json!({"environment": {"id": environment}, "artifactId": self.artifact(&version)});
            all.push(self.0.event("service.deployed", &TIMES, &self.0.project, content));
        }
        Ok(all)
    }
}
