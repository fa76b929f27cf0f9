//! Tests of the limits of a request: length, memory and time.

use std::time::Duration;

use crate::{
    child::{Answer, ApiFunctionWorld, LIMIT},
    request::Request,
};

#[tokio::test]
async fn an_answer_that_lambda_cannot_send_is_refused_and_says_where_it_is_to_be_had()
-> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(8, 400_000).await?;
    let function = world.start(world.open())?;
    let all = Request::get("/v1/events").header("accept", "application/x-ndjson");
    for request in
        [all.clone(), all.clone().header("accept-encoding", "gzip"), Request::get("/v1/events")]
    {
        let answer = function.ask(request).await?;
        assert_eq!((answer.status(), &answer.json()["code"]), (413, &"RESPONSE_TOO_LARGE".into()));
        assert!(
            answer.json()["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("limit") && hint.contains("dump in S3"))
        );
    }
    let page = function.get("/v1/events?limit=7").await?;
    assert_eq!((page.status(), page.json().as_array().map(Vec::len)), (200, Some(7)));
    assert!(page.body().len() > 2_800_000);
    // The memory of Lambda's smallest function.
    #[cfg(target_os = "linux")]
    assert!(function.peak_kb()? < 128 * 1024, "{} kB", function.peak_kb()?);
    Ok(())
}

#[tokio::test]
async fn a_request_is_answered_before_lambda_ends_it() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.open())?;
    assert_eq!(function.get("/build").await?.status(), 200);
    let mut client = world.database.client().await?;
    let lock = client.transaction().await?;
    lock.batch_execute("LOCK TABLE builds IN ACCESS EXCLUSIVE MODE").await?;
    let request = Request::get("/build").http_api();
    let answer = Answer(world.runtime.invoke_told(request, Duration::from_secs(6), LIMIT).await?);
    assert_eq!((answer.status(), &answer.json()["code"]), (503, &"TIMEOUT".into()));
    let line = function.said(|line| line["status"] == "5xx").await?;
    assert_eq!(line["route"], "/build");
    // The last second is reserved for the answer.
    assert!(line["request_ms"].as_f64().is_some_and(|ms| (2000.0..5900.0).contains(&ms)), "{line}");
    lock.rollback().await?;
    assert_eq!(function.get("/build").await?.status(), 200);
    Ok(())
}
