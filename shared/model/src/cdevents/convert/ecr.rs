//! Amazon ECR: an image was pushed or deleted.
//!
//! Source: Amazon ECR User Guide, "Sample events from Amazon ECR", `ECR Image Action`.

use serde_json::{Value, json};

use super::{ConvertError, maybe, required, time};
use crate::cdevents::compose::Draft;

pub(super) fn convert(body: &Value) -> Result<Vec<Value>, ConvertError> {
    // Image scans and other messages of ECR make no events.
    if required(body, "/detail-type")? != "ECR Image Action" {
        return Ok(Vec::new());
    }
    if maybe(body, "/detail/result").as_deref() != Some("SUCCESS") {
        return Ok(Vec::new());
    }
    let what = match maybe(body, "/detail/action-type").as_deref() {
        Some("PUSH") => "artifact.published",
        Some("DELETE") => "artifact.deleted",
        _ => return Ok(Vec::new()),
    };
    let repository = required(body, "/detail/repository-name")?;
    let (account, region) = (required(body, "/account")?, required(body, "/region")?);
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let digest = required(body, "/detail/image-digest")?.replace(':', "%3A");
    let name = repository.rsplit('/').next().unwrap_or_default().to_lowercase();
    let tag =
        maybe(body, "/detail/image-tag").map_or_else(String::new, |tag| format!("&tag={tag}"));
    let artifact = format!(
        "pkg:oci/{name}@{digest}?repository_url={account}.dkr.ecr.{region}.{domain}/{repository}{tag}"
    );
    let source = format!("arn:aws:ecr:{region}:{account}:repository/{repository}");
    let timestamp = time::first(body, &["/time"]);
    Ok(vec![
        Draft {
            what,
            source: &source,
            timestamp: timestamp.as_deref(),
            subject_id: &artifact,
            content: json!({}),
        }
        .event(),
    ])
}
