//! Kafka through librdkafka.

mod client;
mod config;
mod context;
#[cfg(feature = "msk-iam")]
mod iam;
mod producer;
mod settings;

pub use client::{QuietContext, client_config, log_line};
pub use config::{KafkaConfig, KafkaProperty};
pub use producer::{Brake, Delivered, KafkaProducer, ProduceError};
pub use settings::settings;
