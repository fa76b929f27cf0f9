//! The plugin `slow_builds`: lists slow builds by the total time of their steps.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;
use weir_plugin::{
    ApiPlugin, DatabasePlugin, Migration, NewEvent, PluginError, Reapply, Store, Tx,
};

/// The highest number of rows in an answer.
const LIMIT: i64 = 100;
const UPSERT: &str = "-- slow_builds.upsert
INSERT INTO slow_builds.times AS kept (build, project, steps_ms)
SELECT * FROM unnest($1, $2, $3)
ON CONFLICT (build) DO UPDATE SET steps_ms = greatest(kept.steps_ms, excluded.steps_ms)";
const SLOWEST: &str = "-- slow_builds.slowest
SELECT build, project, steps_ms FROM slow_builds.times WHERE steps_ms > $1 ORDER BY steps_ms DESC, build LIMIT $2";

type Param<'a> = (&'a (dyn ToSql + Sync), Type);

pub struct SlowBuilds;

#[async_trait::async_trait]
impl DatabasePlugin for SlowBuilds {
    fn name(&self) -> &'static str {
        "slow_builds"
    }

    fn migrations(&self) -> &'static [Migration] {
        &[Migration { version: 1, name: "times", sql: include_str!("V1__times.sql") }]
    }

    /// Writes all builds of a batch with one statement. The rows are sorted by their key, so that
    /// two batches at once lock them in the same order.
    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError> {
        let mut times: BTreeMap<Uuid, (Uuid, i64)> = BTreeMap::new();
        for build in events.iter().filter_map(build) {
            let longest = times.entry(build.id).or_insert((build.project_id, 0));
            longest.1 = longest.1.max(build.steps.iter().map(|step| step.result.time).sum());
        }
        let builds: Vec<Uuid> = times.keys().copied().collect();
        let (projects, steps_ms): (Vec<Uuid>, Vec<i64>) = times.into_values().unzip();
        let params: [Param<'_>; 3] = [
            (&builds, Type::UUID_ARRAY),
            (&projects, Type::UUID_ARRAY),
            (&steps_ms, Type::INT8_ARRAY),
        ];
        tx.execute(UPSERT, &params).await?;
        Ok(())
    }

    /// Applies a single event again: the longest time does not change. A replay of a whole stream
    /// is refused, because the plugin would have to read all of it.
    async fn reapply(&self, tx: &Tx, what: Reapply<'_>) -> Result<(), PluginError> {
        match what {
            Reapply::Event(event) => self.apply(tx, std::slice::from_ref(event)).await,
            Reapply::Stream(_) => {
                Err(PluginError::Refused("slow_builds cannot be replayed".into()))
            }
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    build: Build,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    id: Uuid,
    project_id: Uuid,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    result: StepResult,
}

#[derive(Deserialize, Default)]
struct StepResult {
    #[serde(default)]
    time: i64,
}

/// Parses an event. The plugin sees the events of every topic, and ignores those that are not
/// builds.
fn build(event: &NewEvent<'_>) -> Option<Build> {
    serde_json::from_str::<Envelope>(&event.payload).ok().map(|envelope| envelope.data.build)
}

impl ApiPlugin for SlowBuilds {
    fn name(&self) -> &'static str {
        "slow_builds"
    }

    fn routes(&self, store: Store) -> Router {
        Router::new().route("/", get(slowest)).with_state(store)
    }
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    over_ms: i64,
}

#[derive(Serialize)]
struct Slow {
    build: Uuid,
    project: Uuid,
    steps_ms: i64,
}

async fn slowest(State(store): State<Store>, Query(filter): Query<Filter>) -> Response {
    let read = store.transaction("slow_builds", |tx| async move {
        let params: [Param<'_>; 2] = [(&filter.over_ms, Type::INT8), (&LIMIT, Type::INT8)];
        let rows = tx.query(SLOWEST, &params).await?;
        rows.iter()
            .map(|row| {
                Ok(Slow {
                    build: row.try_get(0)?,
                    project: row.try_get(1)?,
                    steps_ms: row.try_get(2)?,
                })
            })
            .collect::<Result<Vec<_>, _>>()
    });
    match read.await {
        Ok(slow) => Json(slow).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
