//! Handles a notification of S3: sends each object that it names to the topic of its prefix.
//! Source:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.

use std::borrow::Cow;

use anyhow::{Context, bail};
use serde::Deserialize;
use weir_collect::{
    files,
    intake::{Ended, Intake},
};

use super::S3;

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName", default)]
    event_name: String,
    s3: Names,
}

#[derive(Deserialize)]
struct Names {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    version_id: Option<String>,
}

pub(super) async fn handle(intake: &Intake, s3: &S3, text: &str) -> anyhow::Result<()> {
    let Notification { records } = serde_json::from_str(text)
        .context("the notification of S3 has no Records with bucket and object")?;
    let mut faults = Vec::new();
    for Record { event_name, s3: Names { bucket, object } } in records {
        if !event_name.is_empty() && !event_name.contains("ObjectCreated") {
            tracing::info!(event_name, "skipping a notification that is not about a new object");
            continue;
        }
        let key = decoded(&object.key);
        // An error of one object does not stop the others.
        if let Err(error) = collect(intake, s3, &bucket.name, &key, object.version_id).await {
            faults.push(format!("{key}: {error:#}"));
        }
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("; ")) }
}

/// Collects one object. Success means that each byte of the object is in Kafka, as part of a value
/// or of an unreadable record.
async fn collect(
    intake: &Intake,
    s3: &S3,
    bucket: &str,
    key: &str,
    version: Option<String>,
) -> anyhow::Result<()> {
    let topic = s3.rules().topic(key).context(
        "no prefix of FILES matches this object: add one, or give the object another key",
    )?;
    let target = intake.target(topic, None)?;
    let (source, file) = s3.open(bucket, key, version.clone()).await?;
    let report = files::collect(&target, source, &file, &s3.rules().reading, 0, &mut |_| {}).await;
    for reason in report.reasons() {
        tracing::error!(
            key,
            reason,
            "a value could not be read; it is kept in the topic with the reason"
        );
    }
    tracing::info!(
        key,
        topic,
        accepted = report.accepted,
        unreadable = report.invalid_count,
        "collected"
    );
    match report.ended {
        Ended::Whole => {}
        ended => bail!("{ended}"),
    }
    // Not an error: another try would send the values again.
    if let Err(error) = s3.tag(bucket, key, version.as_deref()).await {
        let error = format!("{error:#}");
        tracing::warn!(
            key,
            error,
            "the object is collected, but cannot be tagged, so its bucket keeps it"
        );
    }
    Ok(())
}

/// Decodes a key, which S3 encodes as form data: `+` for a space, and percent-encoding.
fn decoded(key: &str) -> Cow<'_, str> {
    let pair = form_urlencoded::parse(key.as_bytes()).next();
    match pair {
        // A key may contain = and &.
        Some(_) if key.contains(['=', '&']) => {
            let text = key.replace('&', "%26").replace('=', "%3D");
            form_urlencoded::parse(text.as_bytes())
                .next()
                .map(|(name, _)| name.into_owned())
                .unwrap_or_default()
                .into()
        }
        Some((name, _)) => name,
        None => key.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_it_was() {
        for (given, key) in [
            ("a/b.ndjson", "a/b.ndjson"),
            ("a+b%2Bc", "a b+c"),
            ("dt%3D2026/x=1&y", "dt=2026/x=1&y"),
            ("%C3%A9", "é"),
        ] {
            assert_eq!(decoded(given), key);
        }
    }
}
