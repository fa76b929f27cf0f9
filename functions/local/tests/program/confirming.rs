//! Commands that destroy or rewrite data show their plan. Without a terminal and without `--yes`
//! they change nothing.

use anyhow::{Context, Result};
use tokio_postgres::Client;
use weir_kafka::OutgoingRecord;

use crate::common::{Ended, Folder, Running, data, running::until_count, weir};

async fn on(folder: &Folder, args: &[&str]) -> Result<Ended> {
    weir(&[args, &["--data-dir", &folder.arg()]].concat()).await
}

/// Returns a fingerprint of everything that these commands change.
async fn state(sql: &Client) -> Result<String> {
    let query = "SELECT concat_ws(' ', (SELECT string_agg(id || '/' || epoch, ',' ORDER BY id) FROM streams),
        (SELECT string_agg(concat(ctid, xmin), ',' ORDER BY ctid) FROM readings), (SELECT count(*) FROM failures WHERE discarded_at IS NULL),
        (SELECT count(*) FROM events), (SELECT count(*) FROM event_removals), (SELECT count(*) FROM settings))";
    Ok(sql.query_one(query, &[]).await?.try_get(0)?)
}

#[tokio::test]
async fn nothing_is_destroyed_without_a_yes() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &["--plugins", "daily_totals"]).await?;
    let bad = OutgoingRecord {
        topic: "readings".into(),
        value: Some(b"no JSON".to_vec()),
        ..OutgoingRecord::default()
    };
    weir.produce((0..10).map(data::reading).chain([bad])).await?;
    weir.stored(&folder, 10).await?;
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM failures", 1).await?;
    sql.batch_execute(
        "SELECT make_event_month('2020-01-01Z');
         UPDATE event_records SET arrived_at = '2020-01-15Z'",
    )
    .await?;
    let listed = on(&folder, &["failures", "list"]).await?;
    let id = listed.stdout.split_whitespace().next().context("a failure")?.to_owned();
    let before = state(&sql).await?;
    let commands: [(&[&str], &str); 6] = [
        (&["topic", "reset", "readings"], "a new epoch will begin"),
        (&["replay", "--model", "readings"], "10 records of readings will be read from the log"),
        (&["replay", "--model", "readings", "--topic", "readings"], "no row will be deleted"),
        (
            &["replay", "--plugin", "daily_totals", "--plugins", "daily_totals"],
            "will be recomputed",
        ),
        (&["failures", "discard", &id], "will be discarded: "),
        (
            &["retention", "--keep", "400d", "--force", "events_2020_01"],
            "events_2020_01 will be dropped, although 1 of its days are not dumped, or changed after their dump: 2020-01-15",
        ),
    ];
    for (args, says) in commands {
        let refused = on(&folder, args).await?;
        assert_eq!(
            (refused.code, refused.stderr.lines().count()),
            (Some(2), 1),
            "{args:?}: {refused:?}"
        );
        assert!(
            refused.stderr.contains("nothing was changed") && refused.stderr.contains("--yes"),
            "{args:?}: {refused:?}"
        );
        assert!(
            refused.stdout.contains(says) && refused.stdout.contains("to undo it: "),
            "{args:?}: {refused:?}"
        );
        assert_eq!(state(&sql).await?, before, "{args:?}");
    }
    // The new epoch comes last: the commands after it would concern another stream.
    for (args, says) in commands.into_iter().cycle().skip(1).take(6) {
        let done = on(&folder, &[args, &["--yes"]].concat()).await?;
        assert_eq!(done.code, Some(0), "{args:?}: {done:?}");
        assert!(done.stdout.contains("to undo it: "), "{says}: {done:?}");
    }
    assert_ne!(state(&sql).await?, before);
    // Without --force only dumped and verified months are dropped, so the command does not ask.
    assert_eq!(on(&folder, &["retention", "--keep", "400d"]).await?.code, Some(0));
    Ok(())
}
