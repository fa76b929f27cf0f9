//! Migrations, under a lock: first the core's, then each model's and plugin's in a separate schema.

mod history;
mod lock;

use refinery_core::{Migration as RefineryMigration, Runner, error::Kind};
use tokio_postgres::types::Type;
use weir_model::{Migration, Models};

use crate::{
    Connection, Store, StoreError, Tx,
    error::causes,
    plugin::Plugins,
    roles::{self, DatabaseRoles},
    series,
};

pub use history::CORE;

/// The number of months of the log that are created ahead of the current one. Ingest fails when a
/// month is missing.
pub const MONTHS_AHEAD: i32 = 3;

/// One step of a history, and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `core`, or the model's or plugin's name.
    pub owner: String,
    /// The version within the owner.
    pub version: i32,
    /// The name of the step.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// The owner of a history.
struct MigrationOwner {
    name: &'static str,
    schema: Option<&'static str>,
    steps: &'static [Migration],
}

fn owners(models: &Models, plugins: &Plugins) -> Vec<MigrationOwner> {
    let core = MigrationOwner { name: "core", schema: None, steps: CORE };
    let with_schema = |name, steps| MigrationOwner { name, schema: Some(name), steps };
    let models = models.iter().map(|m| with_schema(m.name(), m.migrations()));
    let plugins = plugins.iter().map(|p| with_schema(p.name(), p.migrations()));
    std::iter::once(core)
        .chain(models.chain(plugins).filter(|owner| !owner.steps.is_empty()))
        .collect()
}

/// Applies all missing steps and creates the months ahead of the log and of the series. Returns the
/// steps that were applied now.
pub async fn run(
    store: &Store,
    models: &Models,
    plugins: &Plugins,
) -> Result<Vec<Step>, StoreError> {
    run_with_roles(store, models, plugins, DatabaseRoles::None).await
}

/// Migrates as [`run`] does, and creates the roles of the functions before.
///
/// Afterwards the roles have exactly their rights. The store's user must be allowed to create
/// roles.
pub async fn run_with_roles(
    store: &Store,
    models: &Models,
    plugins: &Plugins,
    roles: DatabaseRoles,
) -> Result<Vec<Step>, StoreError> {
    let lock = lock::MigrationLock::take(begin(store, roles).await?).await?;
    let mut connection = begin(store, roles).await?;
    let mut done = Vec::new();
    for owner in owners(models, plugins) {
        lock.check()?;
        done.extend(apply(&mut connection, &owner).await?);
    }
    connection.client().execute("SELECT make_event_months($1)", &[&MONTHS_AHEAD]).await?;
    series::make_months(connection.client()).await?;
    if roles != DatabaseRoles::None {
        roles::grant(&connection).await?;
    }
    roles::open_reader(&connection).await?;
    Ok(done)
}

/// Returns a connection without time limits, which acts as the owner of the schema.
async fn begin(store: &Store, roles: DatabaseRoles) -> Result<Connection, StoreError> {
    let connection = store.connect().await?;
    // A migration, and the wait for another migration, may take any time.
    connection.client().batch_execute(include_str!("../sql/begin_migrations.sql")).await?;
    roles::make_reader(&connection).await?;
    if roles != DatabaseRoles::None {
        roles::begin(&connection, roles).await?;
    }
    Ok(connection)
}

/// Returns the problems of the role `weir_reader` that this user could not fix, one line each. Each
/// line has the statement that a user with more rights must run.
pub async fn reader_notes(store: &Store) -> Result<Vec<String>, StoreError> {
    let connection = store.connect().await?;
    let rows = connection.client().query(include_str!("../sql/reader_notes.sql"), &[]).await?;
    rows.iter().map(|row| Ok(row.try_get("note")?)).collect()
}

/// Ends the sessions of `weir_reader` that exceed its limits, and returns their number.
pub async fn end_long_readers(store: &Store) -> Result<i32, StoreError> {
    store
        .transaction("end_long_readers", |tx| async move {
            let rows =
                tx.query("-- end_long_readers\nSELECT end_long_readers() AS ended", &[]).await?;
            Ok(rows.first().map(|row| row.try_get("ended")).transpose()?.unwrap_or(0))
        })
        .await
}

/// Returns every step, and whether it was applied.
pub async fn status(
    store: &Store,
    models: &Models,
    plugins: &Plugins,
) -> Result<Vec<Step>, StoreError> {
    let connection = store.connect().await?;
    let mut all = Vec::new();
    for owner in owners(models, plugins) {
        let applied = applied_versions(&connection, &owner).await?;
        all.extend(
            owner.steps.iter().map(|step| step_of(&owner, step, applied.contains(&step.version))),
        );
    }
    Ok(all)
}

/// Checks that no step is missing, for a program that must not migrate. The error lists the missing
/// steps.
pub async fn check(store: &Store, models: &Models, plugins: &Plugins) -> Result<(), StoreError> {
    let missing: Vec<String> = status(store, models, plugins)
        .await?
        .iter()
        .filter(|s| !s.applied)
        .map(|s| format!("{} V{} {}", s.owner, s.version, s.name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Schema(format!(
            "the database lacks the migrations {}: run `weir migrate`",
            missing.join(", ")
        )))
    }
}

/// Creates the months of the log, `ahead` of this one, and those of the series; the daily job calls
/// this. Returns the number of months that were missing.
pub async fn make_months(store: &Store, ahead: i32) -> Result<i32, StoreError> {
    let make = |tx: Tx| async move {
        let rows = tx
            .query("-- make_months\nSELECT make_event_months($1) AS made", &[(&ahead, Type::INT4)])
            .await?;
        Ok(rows.first().map(|row| row.try_get("made")).transpose()?.unwrap_or_default())
    };
    let made: i32 = store.transaction("make_months", make).await?;
    Ok(made + make_series_months(store).await?)
}

/// Creates the months that series need now. Returns their number.
pub async fn make_series_months(store: &Store) -> Result<i32, StoreError> {
    series::make_months(store.connect().await?.client()).await
}

fn step_of(owner: &MigrationOwner, step: &Migration, applied: bool) -> Step {
    Step {
        owner: owner.name.to_owned(),
        version: step.version,
        name: step.name.to_owned(),
        applied,
    }
}

/// The table with the applied steps, in the owner's own schema.
const HISTORY_TABLE: &str = "schema_history";

async fn apply(
    connection: &mut Connection,
    owner: &MigrationOwner,
) -> Result<Vec<Step>, StoreError> {
    if let Some(schema) = owner.schema {
        // The name is a constant and quoted by PostgreSQL. The search path resolves unqualified
        // names to the owner's schema.
        let client = connection.client();
        let quoted: String = client
            .query_one("SELECT quote_ident($1) AS quoted", &[&schema])
            .await?
            .try_get("quoted")?;
        client.batch_execute(&["CREATE SCHEMA IF NOT EXISTS ", &quoted].concat()).await?;
        client
            .execute("SELECT set_config('search_path', $1 || ', public', false)", &[&quoted])
            .await?;
    }
    let before = applied_versions(connection, owner).await?;
    let newest = before.iter().max().copied().unwrap_or_default();
    if let Some(passed) =
        owner.steps.iter().find(|s| s.version < newest && !before.contains(&s.version))
    {
        let reason = format!(
            "the database has migration V{newest} and lacks V{} {}, which must be applied before \
                it",
            passed.version, passed.name
        );
        return Err(StoreError::Migration { owner: owner.name, reason });
    }
    let to_error = |e: refinery_core::Error| match e.kind() {
        // The text of an applied migration has changed, which happens only before a release.
        Kind::DivergentVersion(applied, _) => history::older_build(&format!(
            "V{} {} has changed since",
            applied.version(),
            applied.name()
        )),
        _ => StoreError::Migration { owner: owner.name, reason: causes(&e) },
    };
    let unapplied =
        |m: &Migration| RefineryMigration::unapplied(&format!("V{}__{}", m.version, m.name), m.sql);
    let steps: Vec<RefineryMigration> =
        owner.steps.iter().map(unapplied).collect::<Result<_, _>>().map_err(to_error)?;
    // A later release may have migrated before a rollback. Its schema is compatible with this
    // release.
    let mut runner = Runner::new(&steps).set_abort_missing(false);
    runner.set_migration_table_name(HISTORY_TABLE);
    runner.run_async(connection.client_mut()?).await.map_err(to_error)?;
    if owner.schema.is_some() {
        connection.client().batch_execute("RESET search_path").await?;
    }
    Ok(owner
        .steps
        .iter()
        .filter(|s| !before.contains(&s.version))
        .map(|s| step_of(owner, s, true))
        .collect())
}

async fn applied_versions(
    connection: &Connection,
    owner: &MigrationOwner,
) -> Result<Vec<i32>, StoreError> {
    let schema = owner.schema.unwrap_or("public");
    let client = connection.client();
    let table: Option<String> = client
        .query_one("SELECT quote_ident($1) || '.' || quote_ident($2) AS name WHERE to_regclass(quote_ident($1) || '.' || quote_ident($2)) IS NOT NULL UNION ALL SELECT NULL LIMIT 1", &[&schema, &HISTORY_TABLE])
        .await?
        .try_get("name")?;
    let Some(table) = table else { return Ok(Vec::new()) };
    let rows =
        client.query(&["SELECT version::int AS version, name FROM ", &table].concat(), &[]).await?;
    let applied = rows.iter().map(|row| Ok((row.try_get("version")?, row.try_get("name")?)));
    let applied: Vec<(i32, String)> = applied.collect::<Result<_, StoreError>>()?;
    if owner.schema.is_none() {
        history::refuse_older(&applied)?;
    }
    Ok(applied.into_iter().map(|(version, _)| version).collect())
}
