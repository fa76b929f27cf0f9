//! No month is dropped before its days are dumped and verified.

use weir_blob::Format;
use weir_dump::retain;
use weir_store::{event_id::EventId, retention::Keep, retry};
use weir_tests::{
    World,
    batches::{event, orders},
    dumps::Dumps,
    time_travel::{age, instant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_stays_until_its_days_are_dumped_and_verified() -> anyhow::Result<()> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    world.deliver(event(orders(0..30))).await?;
    age(&world.sql, "\"offset\" < 10", 2024, 5).await?;
    age(&world.sql, "\"offset\" BETWEEN 10 AND 19", 2024, 6).await?;
    world
        .sql
        .batch_execute("UPDATE event_records SET reason = 'was unknown' WHERE \"offset\" = 3")
        .await?;
    let now = instant("2026-11-21T06:00:00Z")?;
    let go = async |forced: &[&str]| -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let forced: Vec<String> = forced.iter().map(|f| (*f).to_owned()).collect();
        let done = retain(&dumps.dumper, &Keep::of_log(100), now, &forced, &|_| {}).await?;
        Ok((
            done.dropped.into_iter().map(|d| d.month_table).collect(),
            done.kept
                .into_iter()
                .map(|k| format!("{} {}", k.month_table, k.days.join(" ")))
                .collect(),
        ))
    };
    let none = Vec::<String>::new;
    let kept = ["events_2024_05 2024-05-04".to_owned(), "events_2024_06 2024-06-04".to_owned()];
    assert_eq!(go(&[]).await?, (none(), kept.to_vec()));
    dumps.one("events", "2024-05-04").await?;
    // A row changes after the dump, which is then stale.
    let id: EventId = "orders-0-3".parse().map_err(|()| anyhow::anyhow!("no id"))?;
    let place = retry::place_of(world.writer.store(), &id).await?.expect("a place");
    retry::event(&world.writer, place).await?;
    assert_eq!(go(&[]).await?, (none(), kept.to_vec()));
    dumps.one("events", "2024-05-04").await?;
    // The file no longer matches its manifest.
    let file = "events/parquet/dt=2024-05-04/topic=orders/part-00000.parquet";
    let file = dumps.folder.path().join(file);
    let good = std::fs::read(&file)?;
    std::fs::write(&file, &good[1..])?;
    assert_eq!(go(&[]).await?, (none(), kept.to_vec()));
    std::fs::write(&file, &good)?;
    assert_eq!(go(&[]).await?, (vec!["events_2024_05".to_owned()], kept[1..].to_vec()));
    assert_eq!(go(&["events_2024_06"]).await?, (vec!["events_2024_06".to_owned()], none()));
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 10);
    assert_eq!(world.count("SELECT sum(records)::bigint FROM event_removals").await?, 20);
    Ok(())
}
