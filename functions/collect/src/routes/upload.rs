//! `POST /ingest/upload`: returns the URL for a file that may be too long for this server.

use async_trait::async_trait;
use axum::{
    Json,
    extract::{Query, Request, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_http::ProblemCode;

use super::{CollectError, CollectState, shapes, topic::KeyParam};
use crate::intake::Target;

/// Creates upload URLs for files of any length.
#[async_trait]
pub trait Uploads: Send + Sync + 'static {
    /// Returns a URL to PUT one file with values of this topic, and its lifetime in seconds.
    ///
    /// Returns `None` if no files of this topic are collected.
    async fn put(&self, topic: &str) -> anyhow::Result<Option<(String, u64)>>;
}

/// What the file is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadParams {
    /// The topic that its values are for.
    #[param(example = "readings")]
    topic: String,
    /// A JSON pointer to each record's key in its value; without it, what the model says the event
    /// is about.
    #[param(nullable = false, pattern = "^/")]
    key: Option<String>,
}

/// Where to send the file, and how.
#[derive(Serialize, ToSchema)]
pub(super) struct Upload {
    /// The HTTP method.
    pub(super) method: &'static str,
    /// The URL; in AWS it is good for this one file, for a limited time.
    pub(super) url: String,
    /// Seconds until the URL is good for nothing.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<u64>,
}

/// Where a file of values may be sent, one a line, of any length. In AWS that is S3, and the file
/// is ingested when it is there; elsewhere it is `POST /ingest/{topic}`, which takes bodies of any
/// length.
#[utoipa::path(
    post, path = "/ingest/upload", security(("key" = ["write"])),
    operation_id = "upload", tag = "collect",
    params(UploadParams),
    responses(
        (status = 200, description = "Where.", body = Upload, example = json!({"method": "POST", "url": "http://localhost:3000/ingest/readings"})),
        (status = 400, description = "A parameter is missing or wrong.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 404, description = "The topic is bound to no model.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "No URL can be had now; try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 422, description = "The topic's values are no JSON.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn upload(
    State(state): State<CollectState>,
    Query(UploadParams { topic, key }): Query<UploadParams>,
    request: Request,
) -> Result<Response, CollectError> {
    let target = state.intake.target(&topic, KeyParam::of(key.clone()).checked()?)?;
    if let Some(uploads) = &state.uploads {
        return put(uploads.as_ref(), &target, key.is_some()).await;
    }
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    // The key is copied as it came, already encoded for a URL.
    let key = request
        .uri()
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find(|pair| pair.starts_with("key="));
    let query = key.map(|key| ["?", key].concat()).unwrap_or_default();
    let url = format!("http://{host}/ingest/{}{query}", target.topic());
    let url = url.parse::<Uri>().map(|url| url.to_string()).unwrap_or(url);
    Ok(Json(Upload { method: "POST", url, expires_in: None }).into_response())
}

async fn put(
    uploads: &dyn Uploads,
    target: &Target,
    has_key: bool,
) -> Result<Response, CollectError> {
    if has_key {
        let hint = "leave key out: the records of a file have the key that their model gives them";
        return Err(CollectError::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidParameter,
            "key is not for files",
            hint,
        ));
    }
    let url = uploads.put(target.topic()).await.map_err(|error| {
        tracing::error!(%error, "no URL was signed");
        CollectError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::UploadUnavailable,
            "no URL can be had now",
            "try again after the time in Retry-After",
        )
    })?;
    let Some((url, expires_in)) = url else {
        let detail = format!("no files are collected for topic {}", target.topic());
        return Err(CollectError::new(
            StatusCode::NOT_FOUND,
            ProblemCode::NotFound,
            detail,
            "the setting FILES says which files go to which topic",
        ));
    };
    Ok(Json(Upload { method: "PUT", url, expires_in: Some(expires_in) }).into_response())
}
