//! Outages of the database, and a database that hangs. Kafka keeps the batch, and nothing is stored
//! as a failure.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::time::timeout;
use weir_model::KafkaBatch;
use weir_store::{DatabaseConfig, Store, StoreError, WriteLimits};
use weir_testkit::{Action, PATIENCE, Proxy, Step, eventually};
use weir_tests::{
    BATCH_TIME, World, audit,
    dice::Dice,
    traffic::{Traffic, store_on, writer_of},
};

/// Redelivers a batch until it is stored, as Kafka does. The database is away for `time`.
///
/// Returns the number of failed deliveries.
async fn away_for(time: Duration, group: &str) -> anyhow::Result<usize> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let traffic = Traffic::new(&mut Dice::new(4), 4, 12);
    // Only the rejected records are failures.
    let rejected = {
        let report = writer_of(store_on(&world.database.url())?, "clean", false)?
            .write(&KafkaBatch::parse(&traffic.whole().to_bytes())?, BATCH_TIME)
            .await?;
        report.event_failed
    };
    let writer = writer_of(store_on(&proxy.url(&world.database.url()))?, group, false)?;
    writer.store().ping().await?;
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
            ensure!(
                begun.elapsed() < time + Duration::from_secs(20),
                "it does not come back: {error}"
            );
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

/// The result of a connection that hangs at a message.
enum Hung {
    /// The batch takes fewer messages.
    Never,
    /// The time was over before this message.
    TooLate,
    /// The write returned this long after its time limit.
    Over(Duration),
}

/// Holds the connection at one message, so that neither side sees it end. Returns by how much the
/// write exceeded its time limit, or `None` if the batch has fewer messages.
///
/// On a busy machine the message may not be reached in time. Then the write gets more time.
async fn hangs_at(message: usize, world: &World) -> anyhow::Result<Option<Duration>> {
    for time_left in [1_500, 6_000, 24_000] {
        match hangs_within(Duration::from_millis(time_left), message, world).await? {
            Hung::Never => return Ok(None),
            Hung::Over(by) => return Ok(Some(by)),
            Hung::TooLate => {}
        }
    }
    bail!("message {message} is not reached")
}

async fn hangs_within(time_left: Duration, message: usize, world: &World) -> anyhow::Result<Hung> {
    let group = format!("hangs{message}_{}", time_left.as_millis());
    let proxy = Proxy::start(&world.database.url()).await?;
    let traffic = Traffic::new(&mut Dice::new(5), u64::try_from(message)?, 5);
    let event = traffic.whole().to_bytes();
    let batch = KafkaBatch::parse(&event)?;
    // A statement timeout of a second, so that the test does not wait a minute.
    let config = DatabaseConfig {
        statement_timeout: 1,
        ..DatabaseConfig::from_url(proxy.url(&world.database.url()))
    };
    let hanging = writer_of(Store::new(&config)?, &group, false)?;
    hanging.store().ping().await?;
    proxy.cut_at(Step::Message(message), Action::Hold);
    let begun = Instant::now();
    let result = timeout(time_left + PATIENCE, hanging.write(&batch, time_left))
        .await
        .context("it hangs with the wire")?;
    if !proxy.was_reached() {
        // The message was not reached, so nothing hung.
        return match result {
            Err(error) if error.is_transient() => Ok(Hung::TooLate),
            result => Ok(result.map(|_| Hung::Never)?),
        };
    }
    // The write may have succeeded on a second connection, after the server ended the first one.
    ensure!(result.as_ref().err().is_none_or(StoreError::is_transient), "{result:?}");
    let over = begun.elapsed().saturating_sub(time_left);

    // The server ends idle sessions, and the redelivery then gets the lock. Between the messages of
    // a statement or of a COPY, none of the server's timeouts applies. There TCP's keepalive ends
    // the session, which the cut simulates.
    let impatient =
        DatabaseConfig { lock_timeout: 1, ..DatabaseConfig::from_url(world.database.url()) };
    let direct = writer_of(Store::new(&impatient)?, &group, false)?
        .with_limits(WriteLimits { max_retries: 0 });
    let mut tries = 0;
    let stored = eventually(PATIENCE, async || {
        tries += 1;
        if tries == 4 {
            proxy.cut();
        }
        direct.write(&batch, PATIENCE).await.ok()
    });
    stored.await.with_context(|| format!("message {message}: the redelivery waits for ever"))?;
    let all: BTreeSet<_> = traffic.places();
    audit::exactly_once(&audit::places(&world.sql, &group).await?, &all)?;
    Ok(Hung::Over(over))
}

#[tokio::test]
async fn a_hanging_database_costs_no_more_than_the_time_left() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut over = Vec::new();
    // Several at a time, because each one waits.
    for some in (1..).step_by(6).map(|first| first..first + 6) {
        let all = futures_util::future::try_join_all(some.map(|message| hangs_at(message, &world)))
            .await?;
        over.extend(all.iter().flatten().copied());
        if all.contains(&None) {
            break;
        }
    }
    over.sort();
    println!("{} messages held, {:?} over their time at most", over.len(), over.last());
    ensure!(over.len() >= 30, "{}", over.len());
    // A single one may be slow on a busy machine.
    ensure!(over[over.len() / 2] < Duration::from_secs(1), "{over:?}");
    Ok(())
}

/// If a client disappears, even during a statement, TCP's keepalive on the server's side ends its
/// session.
#[tokio::test]
async fn the_server_asks_whether_we_still_live() -> anyhow::Result<()> {
    let world = World::new().await?;
    let connection = world.writer.store().connect().await?;
    for (name, wanted) in [
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
    ] {
        let row = connection.client().query_one(&format!("SHOW {name}"), &[]).await?;
        ensure!(row.try_get::<_, &str>(0)? == wanted, "{name} is {:?}", row.try_get::<_, &str>(0)?);
    }
    Ok(())
}
