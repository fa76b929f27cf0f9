//! The function under AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by `tests/rie/run`.

use serde_json::json;
use weir_testkit::{Database, Emulator};

#[tokio::test]
async fn a_deployment_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = Database::empty().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/answer", listener.local_addr()?);
    let app = axum::Router::new().route("/answer", axum::routing::put(async || ()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let emulator = Emulator::start(env!("CARGO_BIN_EXE_migrate"), &[("DATABASE_URL", &database.url())]).await?;
    for (request, status) in [("Create", "SUCCESS"), ("Update", "SUCCESS"), ("Delete", "SUCCESS")] {
        let event = json!({"RequestType": request, "ResponseURL": url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "Schema", "ResourceProperties": {}});
        assert_eq!(emulator.invoke(event.to_string().as_bytes()).await?["Status"], status);
    }
    database.client().await?.batch_execute("DROP TABLE schema_history").await?;
    let event = json!({"RequestType": "Update", "ResponseURL": url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "Schema", "ResourceProperties": {}});
    assert_eq!(emulator.invoke(event.to_string().as_bytes()).await?["Status"], "FAILED");
    Ok(())
}
