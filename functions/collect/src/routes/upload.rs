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

/// The parameters of an upload.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadParams {
    /// The topic of the file's values.
    #[param(example = "readings")]
    topic: String,
    /// A JSON pointer to each record's key in its value. By default the key is the entity id that
    /// the model reads.
    #[param(nullable = false, pattern = "^/")]
    key: Option<String>,
}

/// The method and the URL of an upload.
#[derive(Serialize, ToSchema)]
pub(super) struct Upload {
    /// The HTTP method.
    pub(super) method: &'static str,
    /// The URL. In AWS it is valid for this file only, and for a limited time.
    pub(super) url: String,
    /// Seconds until the URL expires.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in: Option<u64>,
}

/// Returns the URL to which a file of values may be sent.
///
/// The file has one value per line and may have any length. In AWS the URL is in S3, and the file
/// is collected when it has arrived; elsewhere the URL is `POST /ingest/{topic}`.
#[utoipa::path(
    post, path = "/ingest/upload", security(("key" = ["write"])),
    operation_id = "upload", tag = "collect",
    params(UploadParams),
    responses(
        (status = 200, description = "The method and the URL.", body = Upload, example = json!({"method": "POST", "url": "http://localhost:3000/ingest/readings"})),
        (status = 400, description = "A parameter is missing or wrong.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 404, description = "The topic is not bound to a model.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "No URL can be created now. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 422, description = "The topic's values are not JSON.", body = shapes::CollectProblem, content_type = "application/problem+json"),
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
        let hint = "leave out key: the records of a file have the key that their model reads";
        return Err(CollectError::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidParameter,
            "key cannot be used for files",
            hint,
        ));
    }
    let url = uploads.put(target.topic()).await.map_err(|error| {
        tracing::error!(%error, "cannot sign a URL");
        CollectError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::UploadUnavailable,
            "no URL can be created now",
            "try again after the time in Retry-After",
        )
    })?;
    let Some((url, expires_in)) = url else {
        let detail = format!("no files are collected for topic {}", target.topic());
        return Err(CollectError::new(
            StatusCode::NOT_FOUND,
            ProblemCode::NotFound,
            detail,
            "add a prefix for this topic to the setting FILES",
        ));
    };
    Ok(Json(Upload { method: "PUT", url, expires_in: Some(expires_in) }).into_response())
}
