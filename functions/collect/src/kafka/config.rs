//! Where Kafka is.

use std::{collections::BTreeMap, str::FromStr};

/// The settings of every Kafka client.
#[derive(Debug, Clone, clap::Args)]
pub struct KafkaConfig {
    /// A Kafka broker to use instead of the embedded one
    #[arg(long, env = "KAFKA_URL", value_name = "HOST:PORT,…")]
    pub kafka: Option<String>,

    /// A property of the Kafka client (librdkafka), such as `security.protocol=SASL_SSL`; may be given several times
    #[arg(long = "kafka-property", env = "KAFKA_PROPERTIES", value_name = "NAME=VALUE", value_delimiter = ',', hide_env_values = true)]
    pub properties: Vec<KafkaProperty>,
}

impl KafkaConfig {
    /// The properties by name; of one that is given twice the last.
    pub fn properties(&self) -> BTreeMap<String, String> {
        self.properties.iter().map(|p| (p.name.clone(), p.value.clone())).collect()
    }
}

/// `name=value`.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaProperty {
    /// The property.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for KafkaProperty {
    /// A password may be among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=***", self.name)
    }
}

impl FromStr for KafkaProperty {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(Self { name: name.trim().to_owned(), value: value.trim().to_owned() }),
            _ => Err("it is not NAME=VALUE".to_owned()),
        }
    }
}
