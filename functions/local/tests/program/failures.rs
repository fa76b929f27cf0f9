//! `weir failures`, with a running `weir` and on the folder of a stopped one.

use anyhow::Result;
use weir_kafka::OutgoingRecord;

use crate::common::{
    Folder, Running,
    running::{count, until_count},
    weir,
};

#[tokio::test]
async fn failures_are_seen_retried_and_given_up() -> Result<()> {
    let folder = Folder::new()?;
    let on = async |args: &[&str]| {
        weir(&[&["failures"], args, &["--data-dir", &folder.arg()]].concat()).await
    };
    let running = Running::start(&folder, &[]).await?;
    running
        .produce((0..5).map(|_| OutgoingRecord {
            topic: "readings".into(),
            value: Some(b"{".to_vec()),
            ..OutgoingRecord::default()
        }))
        .await?;
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM failures", 5).await?;

    let list = on(&["list", "--topic", "readings", "--limit", "2"]).await?;
    assert_eq!(list.code, Some(0), "{list:?}");
    assert!(
        list.stdout.contains("2 of 5 failures") && list.stdout.contains("invalid_reading"),
        "{list:?}"
    );
    assert!(on(&["list", "--topic", "no & one"]).await?.stdout.contains("0 of 0 failures"));
    let some = on(&["list", "--error-class", "invalid_reading", "--limit", "1"]).await?;
    assert!(some.stdout.contains("1 of 5 failures"), "{some:?}");
    let others = on(&["list", "--error-class", "invalid_json"]).await?;
    assert_eq!(others.stdout, "0 of 0 failures\n", "{others:?}");
    let counts = on(&["summary"]).await?;
    assert_eq!(
        counts.stdout, "        5 invalid_reading          readings, group weir\n5 failures\n",
        "{counts:?}"
    );
    assert_eq!(on(&["summary", "--topic", "orders"]).await?.stdout, "0 failures\n");
    let counts: serde_json::Value =
        serde_json::from_str(&on(&["summary", "--json"]).await?.stdout)?;
    let one = serde_json::json!({
        "topic": "readings", "group_id": "weir", "error_class": "invalid_reading", "count": 5
    });
    assert_eq!(counts, serde_json::json!([one]));
    let json: serde_json::Value = serde_json::from_str(&on(&["list", "--json"]).await?.stdout)?;
    let ids: Vec<&str> = json
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|failure| failure["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 5);
    let shown = on(&["show", ids[0]]).await?;
    assert!(shown.stdout.contains("\"value\": \"{\""), "{shown:?}");

    let discarded = on(&["discard", ids[0], "--yes"]).await?;
    assert_eq!(discarded.code, Some(0), "{discarded:?}");
    assert!(discarded.stdout.ends_with(&format!("\n{} discarded\n", ids[0])), "{discarded:?}");
    let again = on(&["delete", ids[0]]).await?;
    assert_eq!(again.code, Some(2), "{again:?}");
    assert_eq!(again.stderr.lines().count(), 1, "{again:?}");
    let retried = on(&["retry", ids[1]]).await?;
    assert_eq!(retried.code, Some(1), "{retried:?}");
    assert!(retried.stderr.contains("invalid_reading"), "{retried:?}");
    let none = on(&["retry", "--all", "--error-class", "unbound_topic"]).await?;
    assert_eq!(none.stdout, "0 stored, 0 skipped, 0 refused again\n", "{none:?}");
    let all = on(&["retry", "--all"]).await?;
    assert_eq!(
        (all.code, all.stdout.as_str()),
        (Some(1), "0 stored, 0 skipped, 4 refused again\n"),
        "{all:?}"
    );
    sql.execute("UPDATE failures SET value = '{\"sensor\":\"speed\",\"value\":1,\"timestamp\":\"2020-01-01T00:00:00Z\"}' WHERE discarded_at IS NULL", &[])
        .await?;
    assert_eq!(on(&["retry", ids[1], ids[2]]).await?.code, Some(0));
    running.interrupt().await?;

    // It also works without a running program.
    let all = on(&["retry", "--all", "--topic", "readings"]).await?;
    assert_eq!(
        (all.code, all.stdout.as_str()),
        (Some(0), "2 stored, 0 skipped, 0 refused again\n"),
        "{all:?}"
    );
    for wrong in [
        &["retry"][..],
        &["show", "x y"],
        &["retry", "--all", "a-0-0"],
        &["discard", "a-0-0"],
        &["list", "--limit", "0"],
        &["list", "--error-class", "invalid_jsn"],
        &["retry", "--all", "--error-class", "invalid_jsn"],
    ] {
        let ended = on(wrong).await?;
        assert_eq!(ended.code, Some(2), "{wrong:?} {ended:?}");
    }
    let running = Running::start(&folder, &[]).await?;
    let sql = folder.sql().await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM failures WHERE discarded_at IS NULL").await?, 0);
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 1);
    running.interrupt().await?;
    Ok(())
}
