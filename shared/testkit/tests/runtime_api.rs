//! Tests of the emulated Runtime API; the test plays the function.

use std::time::Duration;

use anyhow::Result;
use reqwest::Client;
use serde_json::json;
use tokio::join;
use weir_testkit::{FunctionError, PATIENCE, RuntimeApi};

struct Function {
    http: Client,
    base: String,
}

impl Function {
    fn new(api: &RuntimeApi) -> Self {
        Self { http: Client::new(), base: format!("http://{}/2018-06-01/runtime", api.address()) }
    }

    /// Returns the request id and the payload.
    async fn next(&self) -> Result<(String, Vec<u8>)> {
        let response = self
            .http
            .get(format!("{}/invocation/next", self.base))
            .send()
            .await?
            .error_for_status()?;
        for header in ["deadline-ms", "invoked-function-arn", "trace-id"] {
            assert!(
                response.headers().contains_key(format!("lambda-runtime-{header}")),
                "{header}"
            );
        }
        let id = response.headers()["lambda-runtime-aws-request-id"].to_str()?.to_owned();
        Ok((id, response.bytes().await?.to_vec()))
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<u16> {
        Ok(self
            .http
            .post(format!("{}/{path}", self.base))
            .body(body)
            .send()
            .await?
            .status()
            .as_u16())
    }
}

#[tokio::test]
async fn an_invocation_reaches_the_function_and_its_answer_comes_back() -> Result<()> {
    let api = RuntimeApi::start().await?;
    let function = Function::new(&api);
    // The largest payload of Lambda.
    let large = vec![b'x'; 6 << 20];
    let (answer, served) = join!(api.invoke(large.clone(), PATIENCE), async {
        let (id, payload) = function.next().await?;
        assert!(payload == large);
        function
            .post(
                &format!("invocation/{id}/response"),
                serde_json::to_vec(&json!({"got": payload.len()}))?,
            )
            .await
    });
    assert_eq!(served?, 202);
    assert_eq!(answer?, json!({"got": large.len()}));
    Ok(())
}

#[tokio::test]
async fn errors_of_the_function_are_told_apart() -> Result<()> {
    let api = RuntimeApi::start().await?;
    let function = Function::new(&api);
    let body = r#"{"errorType":"Away","errorMessage":"the database is away"}"#;
    let (answer, served) = join!(api.invoke(b"{}".to_vec(), PATIENCE), async {
        let (id, _) = function.next().await?;
        function.post(&format!("invocation/{id}/error"), body).await
    });
    assert_eq!(served?, 202);
    let failed =
        FunctionError::Failed { kind: "Away".into(), message: "the database is away".into() };
    assert_eq!(answer, Err(failed));

    let (answer, served) =
        join!(api.invoke(b"{}".to_vec(), PATIENCE), function.post("init/error", body));
    assert_eq!(served?, 202);
    assert!(matches!(answer, Err(FunctionError::Init(_))), "{answer:?}");

    let short = Duration::from_millis(50);
    assert_eq!(api.invoke(b"{}".to_vec(), short).await, Err(FunctionError::TimedOut(short)));
    Ok(())
}

#[tokio::test]
async fn a_new_function_goes_on_after_one_was_killed_in_the_middle() -> Result<()> {
    let api = RuntimeApi::start().await?;
    let killed = Function::new(&api);
    let (answer, taken) = join!(api.invoke(b"1".to_vec(), PATIENCE), async {
        let taken = killed.next().await;
        api.wait_taken(1).await;
        api.reset();
        taken
    });
    assert_eq!(answer, Err(FunctionError::Reset));

    let function = Function::new(&api);
    let (answer, served) = join!(api.invoke(b"2".to_vec(), PATIENCE), async {
        let (id, payload) = function.next().await?;
        assert_eq!(payload, b"2");
        function.post(&format!("invocation/{id}/response"), "3").await
    });
    assert_eq!(served?, 202);
    assert_eq!(answer?, json!(3));
    // The answer of the killed function comes too late.
    assert_eq!(killed.post(&format!("invocation/{}/response", taken?.0), "9").await?, 400);
    assert_eq!(api.taken(), 2);
    Ok(())
}
