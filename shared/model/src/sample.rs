//! Sample records, for a new data folder and for trying Weir out.

/// A record as a producer would send it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The key, if the topic has keys.
    pub key: Option<String>,
    /// The value, JSON.
    pub value: String,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
}
