//! A custom resource of CloudFormation. It is answered in every case: without an answer a stack
//! hangs for an hour. Source:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{Deployed, Properties};

/// Kept back from the invocation's own limit, for the answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// How long one try at the answer may take.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// How often the answer is tried.
const TRIES: u32 = 4;
/// CloudFormation takes 4096 bytes of answer; the ids in it need some.
const REASON_BYTES_MAX: usize = 1500;
/// There is one schema. With another id after an update, CloudFormation would delete this one.
const PHYSICAL_ID: &str = "weir-schema";

/// What CloudFormation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResource {
    event: Value,
    url: String,
}

impl CustomResource {
    /// An event of CloudFormation; none when it is somebody else's.
    pub fn of(event: &Value) -> Option<Self> {
        let url = event["ResponseURL"].as_str()?.to_owned();
        Some(Self { event: event.clone(), url })
    }

    /// Does the work that the request asks for within `time_left`, and answers whatever comes of
    /// it: done, failed, panicked, too slow. A deleted stack keeps its schema, since the data is in
    /// it.
    pub async fn serve<W>(
        &self,
        time_left: Duration,
        work: impl FnOnce(Properties) -> W,
    ) -> anyhow::Result<Value>
    where
        W: Future<Output = anyhow::Result<Deployed>> + Send + 'static,
    {
        let outcome = match self.event["RequestType"].as_str() {
            Some("Delete") => Ok(Deployed::default()),
            Some("Create" | "Update") => {
                match serde_json::from_value(self.event["ResourceProperties"].clone()) {
                    Ok(properties) => {
                        done(tokio::spawn(work(properties)), time_left.saturating_sub(ANSWER_TIME))
                            .await
                    }
                    Err(error) => {
                        Err(format!("the properties of the resource cannot be read: {error}"))
                    }
                }
            }
            other => Err(format!("{} is no request of CloudFormation", other.unwrap_or("nothing"))),
        };
        if let Err(reason) = &outcome {
            tracing::error!(reason, "the deployment failed");
        }
        let answer = self.answer(outcome);
        self.send(&answer).await?;
        Ok(answer)
    }

    fn answer(&self, outcome: Result<Deployed, String>) -> Value {
        let mut answer = json!({"PhysicalResourceId": PHYSICAL_ID, "Status": "SUCCESS"});
        for name in ["StackId", "RequestId", "LogicalResourceId"] {
            answer[name] = self.event[name].clone();
        }
        match outcome {
            Ok(deployed) => {
                answer["Data"] = json!({"KafkaUrl": deployed.kafka_url.unwrap_or_default(), "Settings": deployed.settings.to_string()});
            }
            Err(reason) => {
                answer["Status"] = "FAILED".into();
                let mut end = reason.len().min(REASON_BYTES_MAX);
                while !reason.is_char_boundary(end) {
                    end -= 1;
                }
                answer["Reason"] = reason[..end].into();
            }
        }
        answer
    }

    /// PUTs the answer. The URL is signed for a request without a content type.
    async fn send(&self, answer: &Value) -> anyhow::Result<()> {
        let client = Client::builder().timeout(SEND_LIMIT).build()?;
        let mut last = None;
        for attempt in 0..TRIES {
            tokio::time::sleep(Duration::from_millis(250) * attempt * attempt).await;
            let sent = client
                .put(&self.url)
                .header(CONTENT_TYPE, "")
                .body(answer.to_string())
                .send()
                .await;
            match sent.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                // The URL is a secret for as long as it is good.
                Err(error) => last = Some(error.without_url()),
            }
        }
        tracing::error!(
            error = last.as_ref().map(ToString::to_string),
            "CloudFormation cannot be answered"
        );
        last.map_or(Ok(()), |error| Err(error).context("CloudFormation cannot be answered"))
    }
}

/// Waits for the work, not beyond its time.
async fn done(
    work: tokio::task::JoinHandle<anyhow::Result<Deployed>>,
    limit: Duration,
) -> Result<Deployed, String> {
    let stop = work.abort_handle();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(Ok(deployed))) => Ok(deployed),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Err(_)) => Err("migrate panicked; its log says where".to_owned()),
        Err(_) => {
            stop.abort();
            Err(format!(
                "it took longer than {} s: what was under way is rolled back, deploy again",
                limit.as_secs()
            ))
        }
    }
}
