//! The settings of Kafka clients.

use std::{collections::BTreeMap, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

/// The settings of every Kafka client.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KafkaConfig {
    /// Kafka brokers
    ///
    /// Without this setting, `weir` starts an embedded broker. The other commands then use the
    /// embedded broker of a `weir` that runs on this machine.
    #[arg(long, env = "KAFKA_URL", value_name = "HOST:PORT,…")]
    pub kafka: Option<String>,

    /// Property of the Kafka client librdkafka
    ///
    /// For example `security.protocol=SASL_SSL`. The flag can be given several times; the variable
    /// has a list with commas.
    #[arg(
        long = "kafka-property",
        env = "KAFKA_PROPERTIES",
        value_name = "NAME=VALUE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub properties: Vec<KafkaProperty>,
}

impl KafkaConfig {
    /// Returns the properties by name. If a name occurs twice, the last value counts.
    pub fn properties(&self) -> BTreeMap<String, String> {
        self.properties
            .iter()
            .map(|p| (p.name.clone(), p.value.expose_secret().to_owned()))
            .collect()
    }
}

/// A property `name=value`. The value may be a password.
#[derive(Debug, Clone)]
pub struct KafkaProperty {
    name: String,
    value: SecretString,
}

impl FromStr for KafkaProperty {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Self { name: name.trim().to_owned(), value: value.trim().into() })
            }
            _ => Err("expected NAME=VALUE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_shown() {
        let given = |text: &str| text.parse::<KafkaProperty>();
        assert!(!given("hunter2").unwrap_err().contains("hunter2"));
        let client = KafkaConfig {
            kafka: None,
            properties: vec![given("sasl.password = hunter2").unwrap()],
        };
        assert!(!format!("{client:?}").contains("hunter2"));
        assert_eq!(
            client.properties(),
            BTreeMap::from([("sasl.password".to_owned(), "hunter2".to_owned())])
        );
    }
}
