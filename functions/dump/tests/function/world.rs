//! Returns a database with the readings of `tests/events/msk.json`, which are of 2026-01-01.

use std::time::Duration;

use anyhow::Result;
use weir_model::{KafkaBatch, Topics, TopicsConfig, models};
use weir_store::{DatabaseConfig, Store, Writer, migrate};
use weir_testkit::{Database, sample_event};

pub(crate) async fn database() -> Result<Database> {
    let migrated = async |url: String| {
        migrate::run(&Store::new(&DatabaseConfig::from_url(url))?, &models::builtin(), &Vec::new())
            .await?;
        Ok(())
    };
    let database = Database::create("dump", migrated).await?;
    let models = models::builtin();
    let topics = Topics::new(&TopicsConfig::default(), &models)?;
    let writer =
        Writer::new(Store::new(&DatabaseConfig::from_url(database.url()))?, models, topics, "weir");
    let stored =
        writer.write(&KafkaBatch::parse(&sample_event("msk")?)?, Duration::from_secs(30)).await?;
    assert_eq!(stored.event_acknowledged, 3);
    Ok(database)
}
