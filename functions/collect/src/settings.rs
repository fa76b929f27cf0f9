//! The settings of the function.

use weir_http::{AccessConfig, BasePath};
use weir_kafka::KafkaConfig;
use weir_settings::DataFlags;

use crate::{CollectLimits, UploadUrl, files::FileRules};

/// Takes events from API Gateway, S3 notifications and `EventBridge`, and writes them to Kafka.
#[derive(Debug, clap::Parser)]
#[command(name = "collect", version)]
pub struct FunctionSettings {
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaConfig,

    /// The region of an MSK cluster that asks IAM; needs the feature msk-iam
    #[arg(long, env = "KAFKA_IAM_REGION", value_name = "REGION")]
    pub kafka_iam_region: Option<String>,

    // This function works without a database, so that it accepts events during a database outage. A
    // deployment gives it the same settings as migrate.
    /// The settings of the data.
    #[command(flatten)]
    pub data: DataFlags,
    /// API keys.
    #[command(flatten)]
    pub access: AccessConfig,
    /// The limits of requests.
    #[command(flatten)]
    pub limits: CollectLimits,
    /// The files that go to each topic.
    #[command(flatten)]
    pub files: FileRules,

    /// The sources, as they stand below [sources] in the configuration file of weir; a template
    /// takes the text from SSM
    #[arg(long, env = "SOURCES", value_name = "TOML", default_value = "", hide_env_values = true)]
    pub sources: String,

    /// Where POST /ingest/upload lets files be put: a bucket and a prefix, whose notifications have
    /// to come here
    #[arg(long, env = "UPLOAD_URL", value_name = "s3://BUCKET/PREFIX")]
    pub upload_url: Option<UploadUrl>,

    /// What clients write before the routes where API Gateway does not say it: the path of an API
    /// mapping of an HTTP API
    #[arg(long, env = "BASE_PATH", value_name = "PATH", default_value = "")]
    pub base_path: BasePath,
}
