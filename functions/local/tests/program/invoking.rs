//! Lambda's Invoke path, as `aws lambda invoke --endpoint-url http://localhost:3000` uses it.

use anyhow::Result;
use serde_json::json;
use weir_testkit::{KafkaEvent, Record};

use crate::common::{Folder, Running, data, running::count};

#[tokio::test]
async fn the_ingest_function_is_invoked_as_lambda_would() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    let record = |n: u8| Record {
        topic: "readings".into(),
        offset: n.into(),
        value: data::reading(n.into()).value.unwrap_or_default().into(),
        ..Record::default()
    };
    let event = KafkaEvent::new((0..5).map(record)).to_bytes();
    for _ in 0..2 {
        let answer = weir.invoke(&[], &event).await?;
        assert_eq!((answer.status, answer.json()?), (200, json!({"batchItemFailures": []})));
        assert!(!answer.head.contains("x-amz-function-error"), "{}", answer.head);
    }
    let sql = folder.sql().await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 5);

    let later = KafkaEvent::new((5..8).map(record)).to_bytes();
    let answer = weir.invoke(&["X-Amz-Invocation-Type: DryRun"], &later).await?;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 5, "a dry run stores nothing");
    let answer = weir.invoke(&["X-Amz-Invocation-Type: Event"], &later).await?;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 8);
    let answer = weir.invoke(&["X-Amz-Invocation-Type: Sometimes"], &later).await?;
    assert_eq!(answer.status, 400);

    for wrong in [&b"{}"[..], b"not json", b"", b"[1]", br#"{"eventSource":"aws:kafka"}"#] {
        let answer = weir.invoke(&[], wrong).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("x-amz-function-error: unhandled"), "{answer:?}");
        let message = answer.json()?["errorMessage"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("Kafka"), "{message}");
    }

    let answer = weir.post("/2015-03-31/functions/digest/invocations", &event).await?;
    assert_eq!(answer.status, 404);
    assert!(answer.head.contains("x-amzn-errortype: resourcenotfoundexception"), "{}", answer.head);
    let answer = weir.invoke(&[], &vec![b' '; 6 * 1024 * 1024 + 1]).await?;
    assert_eq!(answer.status, 413);
    assert!(answer.head.contains("x-amzn-errortype: requesttoolargeexception"), "{}", answer.head);
    assert_eq!(weir.get("/2015-03-31/functions/ingest/invocations").await?.status, 405);
    Ok(())
}

/// Without API keys, a web page in a browser could send a POST across sites, so such requests are
/// refused. With API keys, every request without a key is refused.
#[tokio::test]
async fn records_cannot_be_stored_past_the_checks() -> Result<()> {
    let folder = Folder::new()?;
    let event = |offset: i64| {
        let value =
            data::reading(usize::try_from(offset).unwrap_or_default()).value.unwrap_or_default();
        KafkaEvent::new([Record {
            topic: "readings".into(),
            offset,
            value: value.into(),
            ..Record::default()
        }])
        .to_bytes()
    };
    let weir = Running::start(&folder, &[]).await?;
    let others: [&[&str]; 4] = [
        &["Origin: https://example.org"],
        &["Origin: http://localhost:3000"],
        &["Origin: null"],
        &["Origin: file://"],
    ];
    for headers in others {
        assert_eq!(weir.invoke(headers, &event(0)).await?.status, 403, "{headers:?}");
    }
    let rebound = weir.invoke_at("rebound.example.org", &event(0)).await?;
    assert_eq!((rebound.status, rebound.json()?["code"].as_str()), (403, Some("FORBIDDEN")));
    assert_eq!(count(&folder.sql().await?, "SELECT count(*) FROM readings").await?, 0);
    assert_eq!(weir.invoke(&[], &event(0)).await?.status, 200);
    weir.interrupt().await?;

    let keys = folder.above().join("keys").display().to_string();
    let key = async |scope| {
        let made =
            crate::common::weir(&["keys", "new", "--scope", scope, "--api-keys-file", &keys])
                .await?;
        anyhow::Ok(format!(
            "Authorization: Bearer {}",
            made.stdout.lines().last().unwrap_or_default()
        ))
    };
    let (admin, write) = (key("admin").await?, key("write").await?);
    let weir = Running::start(&folder, &["--api-keys-file", &keys]).await?;
    for headers in [&[][..], &[admin.as_str()]] {
        assert_eq!(weir.invoke(headers, &event(1)).await?.status, 404, "it is off");
    }
    weir.interrupt().await?;
    let weir = Running::start(&folder, &["--api-keys-file", &keys, "--invoke-path"]).await?;
    assert_eq!(weir.invoke(&[], &event(1)).await?.status, 401);
    assert_eq!(weir.invoke(&[&write], &event(1)).await?.status, 403);
    assert_eq!(count(&folder.sql().await?, "SELECT count(*) FROM readings").await?, 1);
    assert_eq!(weir.invoke(&[&admin], &event(1)).await?.status, 200);
    assert_eq!(count(&folder.sql().await?, "SELECT count(*) FROM readings").await?, 2);
    Ok(())
}
