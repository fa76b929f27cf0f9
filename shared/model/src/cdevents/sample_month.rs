//! Sample data: a month of a small company. Four services go from commit through test and build to
//! staging and production. Tests are flaky. Some deployments cause incidents and are rolled back.

use serde_json::{Value, json};
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::compose::Draft;
use crate::{Micros, sample::Sample};

/// The seed of the sample month of a new data folder.
pub const SEED: u64 = 7;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The length of the sample month.
const DAYS: i64 = 30;

const SERVICES: [&str; 4] = ["shop", "checkout", "search", "billing"];
const STAGING: &str = "staging";
const PRODUCTION: &str = "production";
const GIT: &str = "/harbour/git";
const CI: &str = "/harbour/ci";
const DEPLOYER: &str = "/harbour/deployer";
const MONITORING: &str = "/harbour/monitoring";
/// The names of the test cases. The second one fails sometimes although the change is correct.
const CASES: [&str; 4] = ["adds-up", "pays-once", "finds-boats", "speaks-french"];

/// Returns the events of the month that ends at `now`, in order. Another seed makes a different
/// month of the same kind.
pub fn month(seed: u64, now: Micros) -> Vec<Sample> {
    let mut month =
        Month { seed, drawn: 0, made: 0, begin: now.0 - DAYS * DAY, events: Vec::new() };
    month.create_environments_and_repositories();
    let mut releases = SERVICES.map(|_| Vec::new());
    for day in 1..DAYS - 1 {
        for (service, releases) in SERVICES.iter().zip(&mut releases) {
            if month.chance(if day % 7 < 5 { 55 } else { 10 }) {
                month.change(service, day, releases);
            }
        }
    }
    month.samples(now)
}

/// Returns a UUID that depends on the seed (RFC 9562, version 8).
fn uuid(name: &[u8], seed: u64) -> Uuid {
    uuid::Builder::from_custom_bytes(xxh3_128_with_seed(name, seed).to_be_bytes()).into_uuid()
}

struct Month {
    seed: u64,
    drawn: u64,
    made: u64,
    /// Microseconds since 1970.
    begin: i64,
    events: Vec<(i64, Value)>,
}

struct Release {
    artifact_id: String,
}

/// The events of one change, each linked to the previous event.
struct EventChain {
    chain_id: Uuid,
    /// The id of the previous event.
    last: Option<String>,
}

impl Month {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        xxh3_64_with_seed(&self.drawn.to_le_bytes(), self.seed)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    /// Returns a random number of minutes, in microseconds: at least one minute and less than
    /// `most`.
    fn minutes(&mut self, most: u64) -> i64 {
        i64::try_from(1 + self.draw() % (most - 1)).unwrap_or(1) * MINUTE
    }

    /// Adds an event `at` microseconds after the begin of the month.
    fn emit(
        &mut self,
        at: i64,
        (what, source): (&str, &str),
        subject_id: &str,
        content: Value,
        chain: Option<&mut EventChain>,
    ) {
        self.made += 1;
        let id = uuid(&self.made.to_le_bytes(), self.seed).to_string();
        let at = self.begin + at;
        let timestamp = Micros(at).rfc3339_millis();
        let mut event =
            Draft { what, source, timestamp: Some(&timestamp), subject_id, content }.without_id();
        event["context"]["id"] = id.as_str().into();
        if let Some(chain) = chain {
            event["context"]["chainId"] = chain.chain_id.to_string().into();
            if let Some(last) = chain.last.replace(id) {
                event["context"]["links"] =
                    json!([{"linkType": "PATH", "from": {"contextId": last}}]);
            }
        }
        self.events.push((at, event));
    }

    /// Adds the events of the environments and repositories, which exist before any change.
    fn create_environments_and_repositories(&mut self) {
        for environment in [STAGING, PRODUCTION] {
            let content = json!({"name": environment, "uri": format!("https://{environment}.harbour.example")});
            self.emit(0, ("environment.created", DEPLOYER), environment, content, None);
        }
        for service in SERVICES {
            let content = json!({"name": service, "owner": "harbour", "uri": format!("https://git.harbour.example/harbour/{service}")});
            self.emit(
                MINUTE,
                ("repository.created", GIT),
                &["harbour/", service].concat(),
                content,
                None,
            );
        }
    }

    /// Adds the events of one change, from the commit to production or to the first failure.
    fn change(&mut self, service: &'static str, day: i64, releases: &mut Vec<Release>) {
        let number = self.made;
        let mut chain = EventChain { chain_id: uuid(&number.to_be_bytes(), self.seed), last: None };
        let mut at = day * DAY + self.minutes(9 * 60);
        let repository = json!({"repository": {"id": format!("harbour/{service}")}});
        let (change, branch) =
            (format!("harbour/{service}/pull/{number}"), format!("change-{number}"));
        self.emit(at, ("branch.created", GIT), &branch, repository.clone(), Some(&mut chain));
        let mut described = repository.clone();
        described["description"] = format!("Improves {service}").into();
        at += self.minutes(30);
        self.emit(at, ("change.created", GIT), &change, described, Some(&mut chain));
        at += self.minutes(120);
        self.emit(at, ("change.reviewed", GIT), &change, repository.clone(), Some(&mut chain));
        at += self.minutes(30);
        if self.chance(8) {
            return self.emit(at, ("change.abandoned", GIT), &change, repository, Some(&mut chain));
        }
        self.emit(at, ("change.merged", GIT), &change, repository.clone(), Some(&mut chain));
        self.emit(at + MINUTE, ("branch.deleted", GIT), &branch, repository, None);
        let Some((built_at, release)) =
            self.pipeline(service, number, at, releases.len(), &mut chain)
        else {
            return;
        };
        let deployed_at = built_at + self.minutes(20);
        self.deploy(
            deployed_at,
            "service.deployed",
            service,
            STAGING,
            &release.artifact_id,
            &mut chain,
        );
        let upgraded_at = deployed_at + self.minutes(180);
        let what = if releases.is_empty() { "service.deployed" } else { "service.upgraded" };
        self.deploy(upgraded_at, what, service, PRODUCTION, &release.artifact_id, &mut chain);
        if self.chance(12)
            && let Some(before) = releases.last()
        {
            let before = before.artifact_id.clone();
            self.fail_in_production(
                service,
                upgraded_at,
                &release.artifact_id,
                &before,
                &mut chain,
            );
        }
        releases.push(release);
    }

    /// Adds the pipeline run of a change. Returns `None` when the run fails.
    fn pipeline(
        &mut self,
        service: &str,
        number: u64,
        merged_at: i64,
        releases: usize,
        chain: &mut EventChain,
    ) -> Option<(i64, Release)> {
        let (run, uri) =
            (format!("run-{number}"), format!("https://ci.harbour.example/runs/{number}"));
        let pipeline = json!({"pipelineName": format!("{service}-main"), "uri": uri});
        let mut at = merged_at + self.minutes(3);
        self.emit(at, ("pipelinerun.queued", CI), &run, pipeline.clone(), Some(chain));
        at += self.minutes(5);
        self.emit(at, ("pipelinerun.started", CI), &run, pipeline.clone(), Some(chain));
        let passed =
            self.task("test", &run, at, chain, |month, at| month.tests(service, number, at));
        at += 12 * MINUTE;
        let artifact_id = format!(
            "pkg:oci/{service}@sha256%3A{:032x}{:032x}?repository_url=registry.harbour.example/{service}&tag=1.{releases}.0",
            xxh3_128_with_seed(run.as_bytes(), self.seed),
            xxh3_128_with_seed(run.as_bytes(), self.seed ^ 1)
        );
        if passed {
            self.task("build", &run, at, chain, |month, at| {
                let build = format!("build-{number}");
                month.emit(at, ("build.queued", CI), &build, json!({}), None);
                month.emit(at + MINUTE, ("build.started", CI), &build, json!({}), None);
                month.emit(
                    at + 5 * MINUTE,
                    ("build.finished", CI),
                    &build,
                    json!({"artifactId": artifact_id}),
                    None,
                );
                true
            });
            let change = json!({"change": {"id": format!("harbour/{service}/pull/{number}"), "source": GIT}});
            self.emit(
                at + 6 * MINUTE,
                ("artifact.packaged", CI),
                &artifact_id,
                change,
                Some(chain),
            );
            self.emit(
                at + 7 * MINUTE,
                ("artifact.published", CI),
                &artifact_id,
                json!({"user": "ci"}),
                Some(chain),
            );
            at += 12 * MINUTE;
        }
        let mut finished = pipeline;
        finished["outcome"] = if passed { "success" } else { "failure" }.into();
        finished["errors"] = if passed { Value::Null } else { "tests failed".into() };
        self.emit(at, ("pipelinerun.finished", CI), &run, finished, Some(chain));
        passed.then_some((at, Release { artifact_id }))
    }

    /// Adds a task of a run. Returns whether the task passed.
    fn task(
        &mut self,
        name: &str,
        run: &str,
        at: i64,
        chain: &mut EventChain,
        work: impl FnOnce(&mut Self, i64) -> bool,
    ) -> bool {
        let id = format!("{run}-{name}");
        let content = json!({"taskName": name, "pipelineRun": {"id": run}});
        self.emit(at, ("taskrun.started", CI), &id, content.clone(), Some(chain));
        let passed = work(self, at + MINUTE);
        let mut finished = content;
        finished["outcome"] = if passed { "success" } else { "failure" }.into();
        self.emit(at + 10 * MINUTE, ("taskrun.finished", CI), &id, finished, Some(chain));
        passed
    }

    fn tests(&mut self, service: &str, number: u64, at: i64) -> bool {
        let environment = json!({"id": "ci", "source": CI});
        let (suite, suite_run) =
            (json!({"id": format!("{service}-suite"), "name": service}), format!("suite-{number}"));
        let begun = json!({"environment": environment, "testSuite": suite});
        self.emit(at, ("testsuiterun.started", CI), &suite_run, begun.clone(), None);
        let broken = self.chance(8);
        let mut failures = 0;
        for (n, case) in (0..).zip(CASES) {
            let id = format!("case-{number}-{n}");
            let mut content = json!({"environment": environment, "testSuiteRun": {"id": suite_run}, "testCase": {"id": format!("{service}/{case}"), "name": case, "type": "integration"}});
            self.emit(at + n * MINUTE, ("testcaserun.started", CI), &id, content.clone(), None);
            let failed = broken && n == 0 || n == 1 && self.chance(25);
            content["outcome"] = if failed { "failure" } else { "success" }.into();
            self.emit(
                at + n * MINUTE + MINUTE / 2,
                ("testcaserun.finished", CI),
                &id,
                content.clone(),
                None,
            );
            if failed && n == 1 {
                // The second try of the flaky test passes.
                content["outcome"] = "success".into();
                let again = format!("case-{number}-{n}-again");
                self.emit(
                    at + n * MINUTE + MINUTE * 3 / 4,
                    ("testcaserun.finished", CI),
                    &again,
                    content,
                    None,
                );
            }
            failures += u32::from(failed && n != 1);
        }
        let mut finished = begun;
        finished["outcome"] = if failures == 0 { "success" } else { "failure" }.into();
        self.emit(at + 8 * MINUTE, ("testsuiterun.finished", CI), &suite_run, finished, None);
        failures == 0
    }

    fn deploy(
        &mut self,
        at: i64,
        what: &str,
        service: &str,
        environment: &str,
        artifact_id: &str,
        chain: &mut EventChain,
    ) {
        let content = json!({"environment": {"id": environment}, "artifactId": artifact_id});
        self.emit(at, (what, DEPLOYER), service, content, Some(chain));
    }

    fn fail_in_production(
        &mut self,
        service: &str,
        deployed_at: i64,
        artifact_id: &str,
        before: &str,
        chain: &mut EventChain,
    ) {
        let incident = format!("incident-{}", self.made);
        let content = |what: &str| json!({"description": what, "environment": {"id": PRODUCTION}, "service": {"id": service}, "artifactId": artifact_id});
        let detected_at = deployed_at + self.minutes(60);
        self.emit(
            detected_at,
            ("incident.detected", MONITORING),
            &incident,
            content("too many errors"),
            Some(chain),
        );
        let ticket = json!({"summary": format!("{service} makes too many errors"), "ticketType": "incident", "creator": "pager", "priority": "high",
            "uri": format!("https://tickets.harbour.example/{incident}")});
        self.emit(
            detected_at + 2 * MINUTE,
            ("ticket.created", MONITORING),
            &["ticket-", &incident].concat(),
            ticket.clone(),
            None,
        );
        let rolled_back_at = detected_at + self.minutes(90);
        self.deploy(rolled_back_at, "service.rolledback", service, PRODUCTION, before, chain);
        if self.chance(70) {
            let resolved_at = rolled_back_at + self.minutes(45);
            self.emit(
                resolved_at,
                ("incident.resolved", MONITORING),
                &incident,
                content("errors are gone"),
                Some(chain),
            );
            let mut closed = ticket;
            closed["resolution"] = "rolled back".into();
            self.emit(
                resolved_at + MINUTE,
                ("ticket.closed", MONITORING),
                &["ticket-", &incident].concat(),
                closed,
                None,
            );
        }
    }

    fn samples(mut self, now: Micros) -> Vec<Sample> {
        self.events.retain(|(at, _)| *at <= now.0);
        self.events.sort_by_key(|(at, _)| *at);
        let sample = |(at, event): (i64, Value)| {
            let key = event["subject"]["id"].as_str().map(str::to_owned);
            Sample { key, value: event.to_string(), timestamp_ms: at.div_euclid(1000) }
        };
        self.events.into_iter().map(sample).collect()
    }
}
