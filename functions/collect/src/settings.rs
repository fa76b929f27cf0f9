//! The settings of the function.

use weir_http::{AccessConfig, BasePath};
use weir_kafka::KafkaConfig;
use weir_settings::DataFlags;

use crate::{CollectLimits, UploadUrl, files::FileRules};

/// Write the events from API Gateway, S3 and EventBridge to Kafka
#[derive(Debug, clap::Parser)]
#[command(name = "collect", version)]
pub struct FunctionSettings {
    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaConfig,

    /// AWS region of an MSK cluster with IAM authentication
    #[arg(long, env = "KAFKA_IAM_REGION", value_name = "REGION")]
    pub kafka_iam_region: Option<String>,

    // This function works without a database, so that it accepts events during a database outage.
    // The template sets the same variables for this function and for migrate.
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

    /// Sources, as TOML
    ///
    /// The text has the format of the table `[sources]` in the configuration file of `weir`. The
    /// template reads it from SSM.
    #[arg(long, env = "SOURCES", value_name = "TOML", default_value = "", hide_env_values = true)]
    pub sources: String,

    /// Bucket and prefix for the files of POST /ingest/upload
    ///
    /// The bucket must send its notifications to this function.
    #[arg(long, env = "UPLOAD_URL", value_name = "s3://BUCKET/PREFIX")]
    pub upload_url: Option<UploadUrl>,

    /// Path of an API mapping of an HTTP API, for example `/weir`
    ///
    /// Clients write this path before the paths of the routes. API Gateway does not send it.
    #[arg(long, env = "BASE_PATH", value_name = "PATH", default_value = "")]
    pub base_path: BasePath,
}
