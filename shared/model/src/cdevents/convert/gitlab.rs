//! GitLab's webhooks. The member `object_kind` of the body holds the type of the message.
//!
//! Source: GitLab Docs, "Webhook events".

use serde_json::{Value, json};

use super::{ConvertError, Converted, Origin, maybe, outcome, required};

pub(super) fn convert(body: &Value) -> Result<Vec<Value>, ConvertError> {
    // Hooks of groups and of the system have no `object_kind`, or a different one.
    let kind = maybe(body, "/object_kind").unwrap_or_default();
    if !["push", "merge_request", "pipeline", "build", "release", "deployment"]
        .contains(&kind.as_str())
    {
        return Ok(Vec::new());
    }
    // Job events of older versions have no `project`.
    let source = maybe(body, "/project/web_url")
        .map_or_else(|| required(body, "/repository/homepage"), Ok)?;
    let path = maybe(body, "/project/path_with_namespace")
        .or_else(|| path_of(&source))
        .unwrap_or_else(|| source.clone());
    let from = GitLab(Origin { body, project: path, source });
    match kind.as_str() {
        "push" => from.push(),
        "merge_request" => from.merge_request(),
        "pipeline" => from.pipeline(),
        "build" => from.job(),
        "release" => from.release(),
        _ => from.deployment(),
    }
}

/// Returns `group/project` from the URL of a project's page.
fn path_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    rest.split_once('/').map(|(_, path)| path.to_owned())
}

/// The commit id that GitLab sends for a branch that does not exist before or after the push.
const NOTHING: &str = "0000000000000000000000000000000000000000";

struct GitLab<'a>(Origin<'a>);

impl GitLab<'_> {
    fn push(&self) -> Converted {
        let reference = required(self.0.body, "/ref")?;
        let Some(branch) = reference.strip_prefix("refs/heads/") else { return Ok(Vec::new()) };
        let last = self.0.body["commits"].as_array().map_or(0, Vec::len).saturating_sub(1);
        let time = format!("/commits/{last}/timestamp");
        let of_branch = |what| {
            self.0.event(
                what,
                &[&time],
                &format!("{}/{branch}", self.0.project),
                self.0.in_repository(),
            )
        };
        if maybe(self.0.body, "/after").as_deref() == Some(NOTHING) {
            return Ok(vec![of_branch("branch.deleted")]);
        }
        let mut all = Vec::new();
        if maybe(self.0.body, "/before").as_deref() == Some(NOTHING) {
            all.push(of_branch("branch.created"));
        }
        if let Some(commit) = maybe(self.0.body, "/checkout_sha") {
            let is_default =
                maybe(self.0.body, "/project/default_branch").as_deref() == Some(branch);
            let what = if is_default { "change.merged" } else { "change.updated" };
            all.push(self.0.event(what, &[&time], &commit, self.0.in_repository()));
        }
        Ok(all)
    }

    fn merge_request(&self) -> Converted {
        let what = match maybe(self.0.body, "/object_attributes/action").as_deref() {
            Some("open" | "reopen") => "change.created",
            Some("update") => "change.updated",
            Some("approved") => "change.reviewed",
            Some("merge") => "change.merged",
            Some("close") => "change.abandoned",
            _ => return Ok(Vec::new()),
        };
        let id = format!("{}!{}", self.0.project, required(self.0.body, "/object_attributes/iid")?);
        let mut content = self.0.in_repository();
        if what == "change.created" {
            content["description"] = maybe(self.0.body, "/object_attributes/title").into();
        }
        Ok(vec![self.0.event(
            what,
            &["/object_attributes/updated_at", "/object_attributes/created_at"],
            &id,
            content,
        )])
    }

    fn run(&self, id: &str) -> String {
        format!("{}/-/pipelines/{id}", self.0.project)
    }

    fn pipeline(&self) -> Converted {
        let status = required(self.0.body, "/object_attributes/status")?;
        let name = maybe(self.0.body, "/object_attributes/name")
            .or_else(|| maybe(self.0.body, "/object_attributes/ref"));
        let mut content = json!({"pipelineName": name, "uri": maybe(self.0.body, "/object_attributes/url").unwrap_or_else(|| format!("{}/-/pipelines/{}", self.0.source, self.0.body["object_attributes"]["id"]))});
        let (what, time) = match status.as_str() {
            "created" | "waiting_for_resource" | "preparing" | "pending" => {
                ("pipelinerun.queued", "/object_attributes/created_at")
            }
            "running" => ("pipelinerun.started", "/object_attributes/started_at"),
            "success" | "failed" | "canceled" | "skipped" => {
                content["outcome"] = outcome::of(&status).into();
                ("pipelinerun.finished", "/object_attributes/finished_at")
            }
            _ => return Ok(Vec::new()),
        };
        let id = self.run(&required(self.0.body, "/object_attributes/id")?);
        Ok(vec![self.0.event(what, &[time, "/object_attributes/created_at"], &id, content)])
    }

    fn job(&self) -> Converted {
        let status = required(self.0.body, "/build_status")?;
        let uri = format!("{}/-/jobs/{}", self.0.source, self.0.body["build_id"]);
        let mut content = json!({"taskName": maybe(self.0.body, "/build_name"), "uri": uri});
        let (what, time) = match status.as_str() {
            "running" => ("taskrun.started", "/build_started_at"),
            "success" | "failed" | "canceled" => {
                content["outcome"] = outcome::of(&status).into();
                content["errors"] = maybe(self.0.body, "/build_failure_reason")
                    .filter(|_| status == "failed")
                    .into();
                ("taskrun.finished", "/build_finished_at")
            }
            _ => return Ok(Vec::new()),
        };
        content["pipelineRun"] = json!({"id": self.run(&required(self.0.body, "/pipeline_id")?)});
        let id = format!("{}/-/jobs/{}", self.0.project, required(self.0.body, "/build_id")?);
        Ok(vec![self.0.event(
            what,
            &[time, "/build_started_at", "/build_created_at"],
            &id,
            content,
        )])
    }

    fn artifact(&self, version: &str) -> String {
        format!("pkg:gitlab/{}@{version}", self.0.project.to_lowercase())
    }

    fn release(&self) -> Converted {
        let (what, times): (_, &[&str]) = match maybe(self.0.body, "/action").as_deref() {
            Some("create") => ("artifact.published", &["/released_at", "/created_at"]),
            Some("delete") => ("artifact.deleted", &[]),
            _ => return Ok(Vec::new()),
        };
        Ok(vec![self.0.event(
            what,
            times,
            &self.artifact(&required(self.0.body, "/tag")?),
            json!({}),
        )])
    }

    /// A deployment is a run of the pipeline that deploys. After a success, the service is deployed
    /// in the environment.
    fn deployment(&self) -> Converted {
        const TIMES: [&str; 1] = ["/status_changed_at"];
        let status = required(self.0.body, "/status")?;
        let mut content = json!({"uri": maybe(self.0.body, "/deployable_url")});
        let what = match status.as_str() {
            "created" | "blocked" => "pipelinerun.queued",
            "running" => "pipelinerun.started",
            "success" | "failed" | "canceled" => {
                content["outcome"] = outcome::of(&status).into();
                "pipelinerun.finished"
            }
            _ => return Ok(Vec::new()),
        };
        let environment = required(self.0.body, "/environment")?;
        content["pipelineName"] = format!("deploy to {environment}").into();
        let id = format!(
            "{}/-/deployments/{}",
            self.0.project,
            required(self.0.body, "/deployment_id")?
        );
        let mut all = vec![self.0.event(what, &TIMES, &id, content)];
        if status == "success" {
            let version = maybe(self.0.body, "/short_sha").or_else(|| maybe(self.0.body, "/ref"));
            let version =
                version.ok_or_else(|| ConvertError::new("the message has no short_sha"))?;
            let content =
                json!({"environment": {"id": environment}, "artifactId": self.artifact(&version)});
            all.push(self.0.event("service.deployed", &TIMES, &self.0.project, content));
        }
        Ok(all)
    }
}
