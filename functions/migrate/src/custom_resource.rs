//! A custom resource of CloudFormation. CloudFormation gets an answer in every case, because a
//! stack without an answer hangs for an hour.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{Deployed, Properties};

/// Time before the invocation's own limit that is reserved for the answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Timeout of one try to send the answer.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// Maximum number of tries to send the answer.
const TRIES: u32 = 4;
/// Maximum bytes of the reason. CloudFormation accepts answers of 4096 bytes, and the ids in the
/// answer need a part of them.
const REASON_BYTES_MAX: usize = 1500;
/// The id of the one schema. If the id changed with an update, CloudFormation would delete the old
/// id's resource.
const PHYSICAL_ID: &str = "weir-schema";

/// A request of CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomResource {
    event: Value,
    url: String,
}

impl CustomResource {
    /// Reads a request of CloudFormation. `None` for any other event.
    pub fn of(event: &Value) -> Option<Self> {
        let url = event["ResponseURL"].as_str()?.to_owned();
        Some(Self { event: event.clone(), url })
    }

    /// Does the requested work within `time_left` and sends an answer in every case: success,
    /// error, panic or timeout.
    ///
    /// A deleted stack keeps its schema, because the schema holds the data.
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
                        Err(format!("cannot read the properties of the resource: {error}"))
                    }
                }
            }
            other => Err(format!(
                "{} is not a request type of CloudFormation",
                other.unwrap_or("nothing")
            )),
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

    /// Sends the answer with PUT. The URL is signed for a request without a content type.
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
                // The URL is a secret while it is valid.
                Err(error) => last = Some(error.without_url()),
            }
        }
        tracing::error!(
            error = last.as_ref().map(ToString::to_string),
            "cannot send the answer to CloudFormation"
        );
        last.map_or(Ok(()), |error| Err(error).context("cannot send the answer to CloudFormation"))
    }
}

/// Waits for the work, at most `limit`.
async fn done(
    work: tokio::task::JoinHandle<anyhow::Result<Deployed>>,
    limit: Duration,
) -> Result<Deployed, String> {
    let stop = work.abort_handle();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(Ok(deployed))) => Ok(deployed),
        Ok(Ok(Err(error))) => Err(format!("{error:#}")),
        Ok(Err(_)) => Err("migrate panicked; see its log".to_owned()),
        Err(_) => {
            stop.abort();
            Err(format!(
                "the migration did not end within {} s and is rolled back: deploy again",
                limit.as_secs()
            ))
        }
    }
}
