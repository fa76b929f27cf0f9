//! Sample events, for a new data folder and for trying things out.

/// A record that somebody might produce.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The key, if the topic has keys.
    pub key: Option<String>,
    /// The value, JSON.
    pub value: String,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
}
