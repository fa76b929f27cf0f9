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
