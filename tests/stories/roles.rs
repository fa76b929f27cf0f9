//! Each function's database role has the rights for the function's work, and no others.

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls, error::SqlState};
use weir_blob::Format;
use weir_dump::{Which, retain};
use weir_model::models;
use weir_plugin::PluginsConfig;
use weir_store::{
    DatabaseConfig, DatabaseRoles, Store, Writer,
    event_id::EventId,
    migrate,
    retention::{Dropped, Keep},
    retry::{self, Retried},
};
use weir_testkit::Database;
use weir_tests::{
    batches::{event, orders, readings},
    deliver,
    dumps::Dumps,
    models_and_topics,
    time_travel::{age, instant},
};

use crate::every_model::{all, traffic};

/// Only one test sets passwords, because roles belong to the whole server.
const PASSWORD: &str = "a password of the test";

struct Roles {
    database: Database,
}

impl Roles {
    /// Creates a migrated database with roles that may log in.
    async fn new() -> Result<Self> {
        let database = Database::empty().await?;
        let roles = Self { database };
        roles.migrate().await?;
        let sql = roles.database.client().await?;
        for role in ["weir_ingest", "weir_api", "weir_dump", "weir_operator"] {
            sql.batch_execute(&format!("ALTER ROLE {role} PASSWORD '{PASSWORD}'")).await?;
        }
        Ok(roles)
    }

    async fn migrate(&self) -> Result<usize> {
        let on = weir_plugin::builtin()
            .switched_on(&PluginsConfig { plugins: vec!["daily_totals".into()], avro: Vec::new() });
        let plugins = on.map_err(anyhow::Error::msg)?.database();
        let store = Store::new(&DatabaseConfig::from_url(self.database.url()))?;
        Ok(migrate::run_with_roles(&store, &models::builtin(), &plugins, DatabaseRoles::Password)
            .await?
            .len())
    }

    fn url(&self, role: &str) -> Result<String> {
        let url = self.database.url();
        let place = url.rsplit_once('@').context("a place")?.1;
        Ok(format!("postgresql://{role}:{}@{place}", PASSWORD.replace(' ', "%20")))
    }

    async fn client(&self, role: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(role)?, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn writer(&self, role: &str) -> Result<Writer> {
        let (models, topics) = models_and_topics()?;
        let on = weir_plugin::builtin()
            .switched_on(&PluginsConfig { plugins: vec!["daily_totals".into()], avro: Vec::new() });
        let plugins = on.map_err(anyhow::Error::msg)?.database();
        Ok(Writer::new(
            Store::new(&DatabaseConfig::from_url(self.url(role)?))?,
            models,
            topics,
            "weir",
        )
        .with_plugins(plugins))
    }
}

/// Writes, dumps, drops and reads the rows of every model, each step in the role of its function.
async fn of_every_model(roles: &Roles, ingest: &Writer) -> Result<()> {
    for (model, topic) in all() {
        let mut traffic = traffic(&*model, topic);
        // Other partitions than those of the other steps.
        traffic
            .lanes
            .iter_mut()
            .flat_map(|lane| &mut lane.records)
            .for_each(|record| record.partition += 10);
        let report = deliver(ingest, traffic.whole()).await?;
        assert_eq!((report.event_failed, report.event_skipped), (0, 0), "{topic}");
    }
    let dumps = Dumps::of(
        Store::new(&DatabaseConfig::from_url(roles.url("weir_dump")?))?,
        &[Format::Parquet],
    )?;
    let dumped = dumps.run(Which::Daily, "2300-01-01").await?;
    for (model, _) in all() {
        assert!(
            dumped.iter().any(|day| day.starts_with(model.name())),
            "{}: {dumped:?}",
            model.name()
        );
    }
    let admin = roles.database.client().await?;
    // The table has the owner that make_event_months gives it.
    admin.batch_execute("SET ROLE weir_owner").await?;
    age(&admin, "stream = (SELECT id FROM streams WHERE topic = 'orders')", 2024, 5).await?;
    dumps.one("events", "2024-05-04").await?;
    let retention =
        retain(&dumps.dumper, &Keep::of_log(100), instant("2026-11-21T06:00:00Z")?, &[], &|_| {})
            .await?;
    assert_eq!(retention.dropped.len(), 1, "{:?}", retention.kept);
    let of_series = ["readings", "cdevents"].map(|model| (model.to_owned(), 1));
    let keep = Keep { log: None, series: of_series.into() };
    let now = instant("2026-11-21T06:00:00Z")?;
    let retention = retain(&dumps.dumper, &keep, now, &[], &|_| {}).await?;
    assert_eq!(retention.kept, []);
    for model in ["readings", "cdevents"] {
        let is_old = |d: &Dropped| d.month_table.starts_with(model) && d.records > 0;
        assert!(retention.dropped.iter().any(is_old), "{model}: {:?}", retention.dropped);
    }

    let views = "SELECT table_name FROM information_schema.views WHERE table_schema = 'api'";
    let (api, reads) = (roles.client("weir_api").await?, roles.client("weir_ingest").await?);
    for view in admin.query(views, &[]).await? {
        let select = format!("SELECT * FROM api.{}", view.get::<_, String>(0));
        api.batch_execute(&select).await?;
        assert!(reads.batch_execute(&select).await.is_err(), "{select}");
        let open =
            "SELECT has_table_privilege('weir_reader', format('api.%I', $1::text), 'SELECT')";
        assert!(
            admin.query_one(open, &[&view.get::<_, String>(0)]).await?.get::<_, bool>(0),
            "{select}"
        );
    }
    Ok(api.batch_execute("SELECT * FROM api.dora(now() - interval '90 days', now())").await?)
}

/// A pooler does not pass on settings of the session: the role has them, and a role without them is
/// refused.
async fn pooled(roles: &Roles) -> Result<()> {
    let connect = async |role| {
        let store = Store::new(&DatabaseConfig {
            pooled: true,
            ..DatabaseConfig::from_url(roles.url(role)?)
        })?;
        anyhow::Ok(store.connect().await?)
    };
    let api = connect("weir_api").await?;
    let told = "SELECT name || '=' || setting FROM pg_settings
        WHERE name IN ('TimeZone', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY name";
    let told: Vec<String> =
        api.client().query(told, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        told,
        [
            "TimeZone=UTC",
            "idle_in_transaction_session_timeout=25000",
            "lock_timeout=10000",
            "statement_timeout=25000"
        ]
    );
    let admin = roles.database.client().await?;
    let database: String = admin.query_one("SELECT current_database()::text", &[]).await?.get(0);
    admin
        .batch_execute(&format!(
            "ALTER ROLE weir_dump IN DATABASE {database} SET TimeZone = 'Asia/Tokyo'"
        ))
        .await?;
    let refused = connect("weir_dump").await.map(drop).expect_err("another time zone").to_string();
    assert!(refused.contains("ALTER ROLE weir_dump SET TimeZone = 'UTC'"), "{refused}");
    Ok(admin
        .batch_execute(&format!("ALTER ROLE weir_dump IN DATABASE {database} RESET TimeZone"))
        .await?)
}

#[tokio::test]
async fn each_role_does_its_functions_work_and_nothing_else() -> Result<()> {
    let roles = Roles::new().await?;
    pooled(&roles).await?;

    // Ingest: new records, an invalid one, a redelivery, a gap that is closed.
    let ingest = roles.writer("weir_ingest")?;
    let mut all = orders(0..20);
    all[3].value = "no JSON".into();
    let report = deliver(&ingest, event(all.iter().skip(10).cloned())).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (10, 0));
    let report = deliver(&ingest, event(all.clone())).await?;
    assert_eq!(
        (report.event_acknowledged, report.event_failed, report.event_already_consumed),
        (9, 1, 10)
    );
    assert_eq!(deliver(&ingest, event(readings(0..20))).await?.event_acknowledged, 20);
    assert_eq!(deliver(&ingest, event(readings(0..20))).await?.event_already_consumed, 20);

    of_every_model(&roles, &ingest).await?;

    // API: lists, a retried failure, a discarded failure.
    let api = roles.writer("weir_api")?;
    let id: EventId = "orders-0-3".parse().map_err(|()| anyhow::anyhow!("an id"))?;
    let place = retry::place_of(api.store(), &id).await?.context("the failure")?;
    assert!(matches!(retry::failure(&api, place).await?, Retried::Refused { .. }));
    assert!(retry::discard(api.store(), place).await?);

    // Dump: months are created and listed.
    let dump = Store::new(&DatabaseConfig::from_url(roles.url("weir_dump")?))?;
    // A series may have rows of other months.
    assert!(migrate::make_months(&dump, migrate::MONTHS_AHEAD + 2).await? >= 2);
    let sql = roles.client("weir_dump").await?;
    let months: Vec<String> = sql
        .query("SELECT month_table FROM event_months() ORDER BY 1", &[])
        .await?
        .iter()
        .map(|r| r.get(0))
        .collect();
    sql.batch_execute("BEGIN; SELECT FROM stream_partitions FOR NO KEY UPDATE; SELECT * FROM readings; SELECT * FROM events; COMMIT")
        .await?;
    sql.execute("SELECT drop_event_month($1)", &[&months.last().context("a month")?]).await?;

    for (role, refused) in [
        (
            "weir_ingest",
            &[
                "DELETE FROM event_records",
                "UPDATE event_records SET payload = NULL",
                "DELETE FROM failures",
                "UPDATE failures SET value = NULL",
                "DELETE FROM failure_counts",
                "DELETE FROM readings",
                "DELETE FROM streams",
                "INSERT INTO event_removals SELECT",
                "SELECT make_event_months(9)",
                "SELECT drop_event_month('events_2020_01')",
                "DROP TABLE readings",
                "TRUNCATE event_records",
                "CREATE TABLE mine ()",
                "CREATE SCHEMA mine",
                "CREATE ROLE mine",
                "SET ROLE weir_owner",
                "SELECT * FROM pg_authid",
            ][..],
        ),
        (
            "weir_api",
            &[
                "DELETE FROM event_records",
                "UPDATE event_records SET payload = NULL",
                "DELETE FROM readings",
                "DELETE FROM streams",
                "INSERT INTO event_removals SELECT",
                "SELECT make_event_months(9)",
                "SELECT drop_event_month('events_2020_01')",
                "DROP TABLE builds",
                "CREATE TABLE mine ()",
                "SET ROLE weir_owner",
            ],
        ),
        (
            "weir_dump",
            &[
                "INSERT INTO event_records SELECT",
                "DELETE FROM event_records",
                "DELETE FROM readings",
                "UPDATE readings SET value = 0",
                "UPDATE stream_partitions SET next_offset = 0",
                "DELETE FROM failures",
                "UPDATE failure_counts SET open = 0",
                "DELETE FROM streams",
                "DROP TABLE event_records",
                "CREATE TABLE mine ()",
                "SET ROLE weir_owner",
                "SELECT * FROM audit",
            ],
        ),
        // `functions/local/tests/admin` runs its commands.
        (
            "weir_operator",
            &[
                "DELETE FROM event_records",
                "DELETE FROM packed_events",
                "DELETE FROM streams",
                "UPDATE streams SET topic = 'other'",
                "DELETE FROM settings",
                "DELETE FROM audit",
                "UPDATE audit SET actor = 'other'",
                "UPDATE audit SET action = 'other'",
                "UPDATE schema_history SET version = 0",
                "TRUNCATE readings",
                "DROP TABLE readings",
                "CREATE TABLE mine ()",
                "CREATE ROLE mine",
                "SET ROLE weir_owner",
                "SET ROLE weir_ingest",
                "SELECT * FROM pg_authid",
            ],
        ),
    ] {
        let sql = roles.client(role).await?;
        for statement in refused {
            let error = sql.batch_execute(statement).await.expect_err(statement);
            assert_eq!(
                error.code(),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE),
                "{role}: {statement}: {error:?}"
            );
        }
    }

    // A second migration applies nothing. It revokes added rights, and restores revoked ones.
    let admin = roles.database.client().await?;
    admin
        .batch_execute(
            "GRANT DELETE ON event_records TO weir_ingest; REVOKE SELECT ON event_records FROM weir_ingest",
        )
        .await?;
    assert_eq!(roles.migrate().await?, 0);
    assert_eq!(
        deliver(&roles.writer("weir_ingest")?, event(orders(20..30))).await?.event_acknowledged,
        10
    );
    assert!(
        roles
            .client("weir_ingest")
            .await?
            .batch_execute("DELETE FROM event_records")
            .await
            .is_err()
    );
    let owners = admin.query_one("SELECT count(*) FROM pg_class c WHERE c.relnamespace IN ('public'::regnamespace, 'daily_totals'::regnamespace) AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) <> 'weir_owner'", &[]).await?;
    assert_eq!(owners.get::<_, i64>(0), 0, "everything is weir_owner's");
    Ok(())
}

#[tokio::test]
async fn a_schema_that_was_made_without_roles_gets_them_and_stays_its_owners() -> Result<()> {
    let database = Database::empty().await?;
    let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
    migrate::run(&store, &models::builtin(), &Vec::new()).await?;
    migrate::run_with_roles(&store, &models::builtin(), &Vec::new(), DatabaseRoles::Password)
        .await?;
    let sql = database.client().await?;
    let may = sql.query_one(
        "SELECT has_table_privilege('weir_ingest', 'event_records', 'INSERT') AND NOT has_table_privilege('weir_ingest', 'event_records', 'DELETE')",
        &[],
    );
    assert!(may.await?.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn without_rds_iam_roles_say_so() -> Result<()> {
    let database = Database::empty().await?;
    let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
    let error =
        migrate::run_with_roles(&store, &models::builtin(), &Vec::new(), DatabaseRoles::Iam)
            .await
            .expect_err("no RDS");
    assert!(error.to_string().contains("rds_iam"), "{error}");
    Ok(())
}
