//! Schemas of plugins and of external models, and the code that creates them.

use std::sync::Arc;

use tokio_postgres::types::Type;
use weir_model::{
    Chosen, Event, Micros, Migration, Model, Models, Outcome, ProjectionKind, Record, Rows,
    Statement, Topics, TopicsConfig, columns, models, sample::Sample,
};
use weir_plugin::{DatabasePlugin, daily_totals::DailyTotals};
use weir_store::{DatabaseConfig, Store, Writer, migrate, replay};
use weir_testkit::Database;
use weir_tests::{
    batches::{event, record},
    deliver, tables,
};

use crate::ledger::Ledger;

/// An external model: the last word of each ship. The value is the ship's name, a JSON string.
struct Ships;

struct ShipRows(Vec<String>);

impl Model for Ships {
    fn name(&self) -> &'static str {
        "ships"
    }
    fn kind(&self) -> ProjectionKind {
        ProjectionKind::State
    }
    fn rows<'a>(&'a self, _: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
        Box::new(ShipRows(Vec::new()))
    }
    fn clear(&self) -> Option<&'static str> {
        Some("-- clear_ships\nDELETE FROM ships.heard")
    }
    fn migrations(&self) -> &'static [Migration] {
        &[
            Migration {
                version: 1,
                name: "heard",
                sql: "CREATE TABLE heard (ship text PRIMARY KEY, record_timestamp_ms bigint)",
            },
            Migration {
                version: 2,
                name: "places",
                sql: "ALTER TABLE heard ADD stream integer, ADD partition integer, ADD \"offset\" bigint",
            },
        ]
    }
    fn samples(&self, _: Micros) -> Vec<Sample> {
        Vec::new()
    }
}

impl<'a> Rows<'a> for ShipRows {
    fn decode(&mut self, _: &Record<'a>, json: &'a str) -> Outcome<'a> {
        let ship = json.trim_matches('"').to_owned();
        self.0.push(ship.clone());
        Outcome::Event(Event {
            entity_id: Some(ship.into()),
            row: u32::try_from(self.0.len() - 1).ok(),
            ..Event::default()
        })
    }
    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>> {
        const SQL: &str = "-- upsert_ships
            INSERT INTO ships.heard AS kept SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (ship) DO UPDATE SET record_timestamp_ms = excluded.record_timestamp_ms,
            stream = excluded.stream, partition = excluded.partition, \"offset\" = excluded.\"offset\" WHERE excluded.\"offset\" > kept.\"offset\"";
        let picked =
            columns::newest_by_key(&self.0, chosen, Ord::cmp, |_, _| std::cmp::Ordering::Equal);
        let statement = Statement::new(SQL, picked.len())
            .bind(columns::column(&picked, String::as_str), Type::TEXT_ARRAY);
        vec![columns::bind_positions(statement, &picked)]
    }
}

fn everyone() -> (Models, Vec<Arc<dyn DatabasePlugin>>) {
    (
        models::builtin().with(Ships),
        vec![Arc::new(DailyTotals), Arc::new(Ledger::new(|_, _, _| Ok(())))],
    )
}

async fn empty() -> anyhow::Result<(Database, Store)> {
    let database = Database::empty().await?;
    let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
    Ok((database, store))
}

const OWNED: &str = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('ships', 'ledger', 'daily_totals') ORDER BY 1";

#[tokio::test]
async fn everyone_gets_a_schema_of_their_own() -> anyhow::Result<()> {
    let (database, store) = empty().await?;
    let (models, plugins) = everyone();
    let missing = migrate::check(&store, &models, &plugins).await;
    assert!(missing.is_err_and(|e| e.to_string().contains("core V1 log")
        && e.to_string().contains("ships V2 places")
        && e.to_string().ends_with("run `weir migrate`")));
    let steps = migrate::run(&store, &models, &plugins).await?;
    assert!(steps.iter().all(|s| s.applied));
    assert_eq!(steps, migrate::status(&store, &models, &plugins).await?);
    migrate::check(&store, &models, &plugins).await?;
    let sql = database.client().await?;
    let owned = [
        "daily_totals.schema_history",
        "daily_totals.totals",
        "ledger.entries",
        "ledger.schema_history",
        "ships.heard",
        "ships.schema_history",
    ];
    assert_eq!(tables::column(&sql, OWNED).await?, owned);
    Ok(())
}

#[tokio::test]
async fn migrating_twice_changes_nothing() -> anyhow::Result<()> {
    const SCHEMA: &str =
        "SELECT table_schema || '.' || table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
    let (database, store) = empty().await?;
    let (models, plugins) = everyone();
    migrate::run(&store, &models, &plugins).await?;
    let sql = database.client().await?;
    let before = tables::column(&sql, SCHEMA).await?;
    assert_eq!(migrate::run(&store, &models, &plugins).await?, []);
    assert_eq!(tables::column(&sql, SCHEMA).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_migrate_at_once_wait_for_each_other() -> anyhow::Result<()> {
    for _ in 0..5 {
        let (_database, store) = empty().await?;
        let (models, plugins) = everyone();
        let run = || migrate::run(&store, &models, &plugins);
        let (a, b, c) = tokio::try_join!(run(), run(), run())?;
        let mut counts = [a.len(), b.len(), c.len()];
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, migrate::status(&store, &models, &plugins).await?.len()]);
    }
    Ok(())
}

#[tokio::test]
async fn a_model_from_outside_keeps_its_projection_and_is_replayed() -> anyhow::Result<()> {
    let (database, store) = empty().await?;
    let (models, plugins) = everyone();
    migrate::run(&store, &models, &plugins).await?;
    let topics = Topics::new(
        &TopicsConfig { topics: "harbour=ships".parse()?, ..TopicsConfig::default() },
        &models,
    )?;
    let writer = Writer::new(store, models, topics, "weir").with_plugins(plugins);
    let ships = ["Vega", "Ariel", "Vega", "Norge", "Ariel"];
    deliver(
        &writer,
        event(
            (0..)
                .zip(ships)
                .map(|(offset, ship)| record("harbour", 0, offset, format!("{ship:?}"))),
        ),
    )
    .await?;
    let sql = database.client().await?;
    let heard = "SELECT ship || ' ' || \"offset\" FROM ships.heard ORDER BY 1";
    assert_eq!(tables::column(&sql, heard).await?, ["Ariel 4", "Norge 3", "Vega 2"]);
    sql.batch_execute("UPDATE ships.heard SET ship = ship || '?'").await?;
    assert!(
        replay::model(&writer, "ships", &replay::Selection::default(), &|_, _| ()).await?.rebuilt
    );
    assert_eq!(tables::column(&sql, heard).await?, ["Ariel 4", "Norge 3", "Vega 2"]);
    Ok(())
}

/// A plugin whose second migration is invalid.
struct Broken;

#[async_trait::async_trait]
impl DatabasePlugin for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn migrations(&self) -> &'static [Migration] {
        &[
            Migration { version: 1, name: "good", sql: "CREATE TABLE good (a integer)" },
            Migration {
                version: 2,
                name: "bad",
                sql: "CREATE TABLE half (a integer); CREATE TABLE good (a integer)",
            },
        ]
    }
    async fn apply(
        &self,
        _: &weir_plugin::Tx,
        _: &[weir_plugin::NewEvent<'_>],
    ) -> Result<(), weir_plugin::PluginError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_of_itself_and_names_its_owner() -> anyhow::Result<()> {
    let (database, store) = empty().await?;
    let plugins: Vec<Arc<dyn DatabasePlugin>> = vec![Arc::new(Broken)];
    for _ in 0..2 {
        let Err(error) = migrate::run(&store, &models::builtin(), &plugins).await else {
            anyhow::bail!("migrates")
        };
        assert!(
            error.to_string().contains("the migration of broken failed")
                && error.to_string().contains("42P07"),
            "{error}"
        );
    }
    let sql = database.client().await?;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'broken' ORDER BY 1";
    assert_eq!(tables::column(&sql, tables).await?, ["good", "schema_history"]);
    let status = migrate::status(&store, &models::builtin(), &plugins).await?;
    assert_eq!(
        status.iter().filter(|s| !s.applied).map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["bad"]
    );
    Ok(())
}
