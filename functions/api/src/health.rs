//! What has to be ready for `GET /healthz`.

use async_trait::async_trait;
use weir_http::ReadConnection;

/// Something that has to be ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is: `database`, `broker`.
    pub name: &'static str,
    /// What keeps it from being ready, in a word that anyone may read; `None` when it is.
    pub fault: Option<&'static str>,
}

/// Says what is ready. The program that serves the API knows what that is.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// Looks at each part now.
    async fn parts(&self) -> Vec<Part>;
}

/// For a place that needs the database alone.
pub struct DatabaseHealth(pub ReadConnection);

#[async_trait]
impl Health for DatabaseHealth {
    async fn parts(&self) -> Vec<Part> {
        vec![Part { name: "database", fault: self.0.ping().await.is_err().then_some("away") }]
    }
}
