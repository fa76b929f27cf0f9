//! Finds the brokers of an MSK cluster. MSK returns their addresses through its API only, and
//! CloudFormation does not expose them.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use serde_json::Value;
use weir_aws::{credentials, signed_headers};

use crate::KafkaConfig;

/// The timeout of the request to AWS.
const ASK_LIMIT: Duration = Duration::from_secs(20);

/// An MSK cluster.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MskConfig {
    /// MSK cluster; the function asks AWS for the addresses of its brokers
    #[arg(long, env = "MSK_CLUSTER_ARN", value_name = "ARN")]
    pub msk_cluster_arn: Option<String>,

    /// AWS region of an MSK cluster with IAM authentication
    #[arg(long, env = "KAFKA_IAM_REGION", value_name = "REGION")]
    pub kafka_iam_region: Option<String>,
}

impl MskConfig {
    /// Returns `HOST:PORT,…` of the brokers; `None` when the settings name no Kafka.
    #[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
    pub async fn bootstrap(&self, given: &KafkaConfig) -> anyhow::Result<Option<String>> {
        if let Some(kafka) = &given.kafka {
            return Ok(Some(kafka.clone()));
        }
        let Some(arn) = &self.msk_cluster_arn else { return Ok(None) };
        let [_, partition, "kafka", region, ..] = arn.split(':').collect::<Vec<_>>()[..] else {
            bail!("--msk-cluster-arn (MSK_CLUSTER_ARN) {arn} is not the ARN of an MSK cluster");
        };
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let path = arn.replace(':', "%3A").replace('/', "%2F");
        let url = format!("https://kafka.{region}.{domain}/v1/clusters/{path}/bootstrap-brokers");
        let headers =
            signed_headers(&url, "kafka", region, &credentials().await?, SystemTime::now())?;
        let client = reqwest::Client::builder().timeout(ASK_LIMIT).build()?;
        let request = headers
            .iter()
            .fold(client.get(&url), |request, (name, value)| request.header(name, value));
        let answer =
            request.send().await.context("cannot ask MSK for the addresses of the brokers")?;
        let (status, body) = (answer.status(), answer.text().await?);
        let body: Value = serde_json::from_str(&body)
            .with_context(|| format!("MSK answered {status} without JSON"))?;
        if !status.is_success() {
            bail!(
                "cannot ask MSK for the addresses of the brokers: {status} {}",
                body["message"].as_str().unwrap_or_default()
            );
        }
        Ok(Some(
            self.choose(&body, &given.properties()).with_context(|| {
                format!("MSK has no brokers yet for this authentication: {body}")
            })?,
        ))
    }

    /// Returns the brokers for the authentication that the settings select.
    fn choose(&self, answer: &Value, properties: &BTreeMap<String, String>) -> Option<String> {
        let wanted: &[&str] = match (
            &self.kafka_iam_region,
            properties.values().any(|value| value.contains("SCRAM")),
        ) {
            (Some(_), _) => &["bootstrapBrokerStringSaslIam"],
            (None, true) => &["bootstrapBrokerStringSaslScram"],
            (None, false) => &["bootstrapBrokerStringTls", "bootstrapBrokerString"],
        };
        wanted
            .iter()
            .find_map(|name| answer[name].as_str())
            .filter(|brokers| !brokers.is_empty())
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_brokers_that_fit_are_chosen() {
        let answer = json!({"bootstrapBrokerStringSaslIam": "iam:9098", "bootstrapBrokerStringSaslScram": "scram:9096", "bootstrapBrokerString": "plain:9092"});
        let iam = MskConfig { kafka_iam_region: Some("eu-west-1".into()), ..MskConfig::default() };
        let none = BTreeMap::new();
        let scram = BTreeMap::from([("sasl.mechanism".to_owned(), "SCRAM-SHA-512".to_owned())]);
        assert_eq!(iam.choose(&answer, &none).as_deref(), Some("iam:9098"));
        assert_eq!(MskConfig::default().choose(&answer, &scram).as_deref(), Some("scram:9096"));
        assert_eq!(MskConfig::default().choose(&answer, &none).as_deref(), Some("plain:9092"));
        assert_eq!(iam.choose(&json!({}), &none), None);
    }

    #[tokio::test]
    async fn an_arn_of_no_cluster_is_an_error() {
        let unnamed = KafkaConfig::default();
        let wrong = MskConfig {
            msk_cluster_arn: Some("arn:aws:s3:::bucket".into()),
            ..MskConfig::default()
        };
        assert!(
            wrong.bootstrap(&unnamed).await.unwrap_err().to_string().contains("MSK_CLUSTER_ARN")
        );
        assert_eq!(MskConfig::default().bootstrap(&unnamed).await.unwrap(), None);
    }
}
