//! The database is away, or hangs. Kafka keeps the batch; nothing goes to failures.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use weir_model::KafkaBatch;
use weir_store::{DatabaseConfig, Store, StoreError, WriteLimits};
use weir_testkit::{Action, Proxy, Step, eventually};
use weir_tests::{
    BATCH_TIME, World, audit,
    dice::Dice,
    traffic::{Traffic, store_on, writer_of},
};

/// Redelivers a batch until it is stored, as Kafka does; the database is away for so long. Gives the failed deliveries.
async fn away_for(time: Duration, group: &str) -> anyhow::Result<usize> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let traffic = Traffic::new(&mut Dice::new(4), 4, 12);
    // The rejected ones belong to failures; nothing else does.
    let rejected = {
        let report = writer_of(store_on(&world.database.url())?, "clean", false)?
            .write(&KafkaBatch::parse(&traffic.whole().to_bytes())?, BATCH_TIME)
            .await?;
        report.event_failed
    };
    let writer = writer_of(store_on(&proxy.url(&world.database.url()))?, group, false)?;
    writer.store().warm_up().await?;
    proxy.refuse(true);
    let begun = Instant::now();
    let back = async {
        tokio::time::sleep(time).await;
        proxy.refuse(false);
        anyhow::Ok(())
    };
    let event = traffic.whole().to_bytes();
    let batch = KafkaBatch::parse(&event)?;
    let redeliver = async {
        let mut failed = 0;
        loop {
            let error = match writer.write(&batch, Duration::from_secs(5)).await {
                Ok(report) => return anyhow::Ok((report, failed)),
                Err(error) => error,
            };
            ensure!(error.is_transient(), "{error}");
            let failures = "SELECT count(*) FROM failures f JOIN streams s ON s.id = f.stream WHERE s.group_id <> 'clean'";
            ensure!(world.count(failures).await? == 0, "the outage filled failures");
            ensure!(begun.elapsed() < time + Duration::from_secs(20), "it does not come back: {error}");
            failed += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ((), (report, failed)) = tokio::try_join!(back, redeliver)?;
    ensure!(begun.elapsed() >= time && report.event_failed == rejected, "{report:?}");
    audit::exactly_once(&audit::places(&world.sql, group).await?, &traffic.places())?;
    Ok(failed)
}

#[tokio::test]
async fn a_database_away_for_half_a_minute() -> anyhow::Result<()> {
    let failed = away_for(Duration::from_secs(30), "long").await?;
    println!("away for 30 s: {failed} deliveries failed, then everything was stored");
    ensure!(failed > 3);
    Ok(())
}

#[tokio::test]
async fn a_database_away_for_moments() -> anyhow::Result<()> {
    for millis in [1, 30, 200, 700] {
        let failed = away_for(Duration::from_millis(millis), "short").await?;
        println!("away for {millis} ms: {failed} deliveries failed");
    }
    Ok(())
}

/// The wire hangs at one message: neither side hears of an end. Gives false when there is no such message.
async fn hangs_at(message: usize, world: &World) -> anyhow::Result<bool> {
    let group = format!("hangs{message}");
    let proxy = Proxy::start(&world.database.url()).await?;
    let traffic = Traffic::new(&mut Dice::new(5), u64::try_from(message)?, 5);
    let event = traffic.whole().to_bytes();
    let batch = KafkaBatch::parse(&event)?;
    // A second for everything, so that the test need not wait a minute.
    let config = |url: String| DatabaseConfig { statement_timeout: 1, ..DatabaseConfig::from_url(url) };
    let hanging = writer_of(Store::new(&config(proxy.url(&world.database.url())))?, &group, false)?;
    hanging.store().warm_up().await?;
    proxy.cut_at(Step::Message(message), Action::Hold);
    let (begun, time_left) = (Instant::now(), Duration::from_millis(1500));
    let result = hanging.write(&batch, time_left).await;
    if !proxy.was_reached() {
        // Nothing hung. What a busy machine did not do in that time, and nothing else, may be done with more of it.
        match result {
            Err(StoreError::Timeout(_)) => drop(hanging.write(&batch, Duration::from_mins(1)).await?),
            result => drop(result?),
        }
        return Ok(false);
    }
    // It may have gone through on a second connection, after the server ended the first.
    ensure!(result.as_ref().err().is_none_or(StoreError::is_transient), "{result:?}");
    ensure!(begun.elapsed() < time_left + Duration::from_millis(500), "returned after {:?}", begun.elapsed());

    // The server ends what is idle, and the redelivery gets the lock. Between the messages of a statement or of a COPY none of its
    // timeouts counts: there TCP's keepalive tells, which is what the cut stands for.
    let direct = writer_of(Store::new(&config(world.database.url()))?, &group, false)?
        .with_limits(WriteLimits { max_retries: 0, ..WriteLimits::default() });
    let mut tries = 0;
    let stored = eventually(Duration::from_secs(10), async || {
        tries += 1;
        if tries == 4 {
            proxy.cut();
        }
        direct.write(&batch, Duration::from_secs(3)).await.ok()
    });
    stored.await.with_context(|| format!("message {message}: the redelivery waits for ever"))?;
    let all: BTreeSet<_> = traffic.places();
    audit::exactly_once(&audit::places(&world.sql, &group).await?, &all)?;
    Ok(true)
}

#[tokio::test]
async fn a_hanging_database_costs_no_more_than_the_time_left() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut held = 0;
    // Some side by side, for each of them waits.
    for some in (1..).step_by(12).map(|first| first..first + 12) {
        let all = futures_util::future::try_join_all(some.map(|message| hangs_at(message, &world))).await?;
        held += all.iter().filter(|reached| **reached).count();
        if all.contains(&false) {
            break;
        }
    }
    println!("{held} messages held");
    ensure!(held >= 30, "{held}");
    Ok(())
}

/// A client that vanished without a word, in the middle of a statement even, is noticed by TCP's keepalive on the server's side.
#[tokio::test]
async fn the_server_asks_whether_we_still_live() -> anyhow::Result<()> {
    let world = World::new().await?;
    let connection = world.writer.store().connect().await?;
    for (name, wanted) in [("tcp_keepalives_idle", "30"), ("tcp_keepalives_interval", "10"), ("tcp_keepalives_count", "3")] {
        let row = connection.client().query_one(&format!("SHOW {name}"), &[]).await?;
        ensure!(row.try_get::<_, &str>(0)? == wanted, "{name} is {:?}", row.try_get::<_, &str>(0)?);
    }
    Ok(())
}
