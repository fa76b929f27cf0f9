//! `GET /build`: ids of builds by start time, the latest first. Without `limit` it returns all of
//! them.

use axum::{extract::State, response::Response};
use tokio_postgres::{Row, types::Type};
use weir_model::listing::{ColumnKind, ListColumn};

use crate::{
    ApiError, ApiState,
    list::{Cell, ListRequest, PageStatement, Query, RowEncoder, Value},
    openapi::IdsParams,
};

/// Returns the ids of builds, as a page or all of them.
#[utoipa::path(
    get, path = "/build", security(("key" = ["read"])),
    operation_id = "builds_list", tag = "builds",
    params(IdsParams),
    responses((status = 200, description = "Ids of builds; the build that started last comes first. All ids unless limit is given.", body = Vec<Uuid>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    asked: ListRequest,
) -> Result<Response, ApiError> {
    ids(&state, asked, "build", vec![(Value::Null, Type::UUID)]).await
}

/// Answers with ids of builds, of all builds or of one project.
pub(super) async fn ids(
    state: &ApiState,
    asked: ListRequest,
    name: &'static str,
    filters: Vec<(Value, Type)>,
) -> Result<Response, ApiError> {
    let newest = Some(PageStatement::Unfiltered(include_str!("newest.sql")))
        .filter(|_| filters.iter().all(|(value, _)| *value == Value::Null));
    let query = Query {
        name,
        sql: include_str!("list.sql"),
        filters,
        pages: newest.into_iter().collect(),
        merged: None,
        archive: None,
        key: vec![ColumnKind::Instant, ColumnKind::Uuid],
        limit_default: None,
        may_lag: true,
    };
    let key = |row: &Row| {
        Ok(vec![Value::Instant(row.try_get("time_started")?), Value::Uuid(row.try_get("id")?)])
    };
    asked.answer(state, query, key, async |_| Ok(Ids("build_id"))).await
}

/// Shows only the first column, the id, without an object.
pub(super) struct Ids(pub(super) &'static str);

impl RowEncoder for Ids {
    fn names(&self) -> Vec<&'static str> {
        vec![self.0]
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        cells.push(Cell::of(&ListColumn::of(self.0, ColumnKind::Uuid, ""), row, 0)?);
        Ok(())
    }

    fn is_bare(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn newest_first_all_or_a_page() {
        let world = ApiWorld::new().await;
        assert_eq!(world.get("/build").await.text(), "[]");
        world.sample_builds().await;
        let id = |n: u8| format!("5a3b9c00-0000-4000-8000-0000000000{n:02}");
        assert_eq!(world.get("/build").await.json(), serde_json::json!([id(3), id(2), id(1)]));
        assert_eq!(world.get("/build?limit=1&offset=1").await.json(), serde_json::json!([id(2)]));
        assert_eq!(world.get("/build?offset=2").await.json(), serde_json::json!([id(1)]));
        assert_eq!(world.get("/build?limit=1000&offset=9223372036854775807").await.text(), "[]");
        for wrong in [
            "limit=0",
            "limit=1e9",
            "limit=-1",
            "limit=1001",
            "offset=-1",
            "limt=1",
            "limit=1&limit=2",
        ] {
            world
                .get(&format!("/build?{wrong}"))
                .await
                .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
    }

    #[tokio::test]
    async fn many_are_streamed_whole_and_in_order() {
        let world = ApiWorld::new().await;
        let ten_thousand = "INSERT INTO builds (id, project_id, time_started, time_updated, record_timestamp_ms, stream, partition, \"offset\")
            SELECT md5(n::text)::uuid, md5('p')::uuid, '2020-01-01Z'::timestamptz + n * interval '1 s', now(), 0, 1, 0, n FROM generate_series(1, 10000) n";
        let client = world.client().await;
        client.batch_execute(ten_thousand).await.expect("written");
        let expected: Vec<String> = client
            .query("SELECT id::text FROM builds ORDER BY time_started DESC", &[])
            .await
            .expect("read")
            .iter()
            .map(|row| row.get(0))
            .collect();
        let answer = world.get("/build").await;
        assert!(!answer.headers.contains_key("content-length"), "streamed");
        assert_eq!(answer.json(), serde_json::json!(expected));
        assert_eq!(
            world.get("/build?offset=9000").await.json().as_array().map(Vec::len),
            Some(1000)
        );
    }

    /// A client that leaves in the middle of a stream frees its permit. There are only four
    /// permits.
    #[tokio::test]
    async fn clients_that_leave_block_no_other() {
        let world = ApiWorld::new().await;
        let many = "INSERT INTO builds (id, project_id, time_started, time_updated, record_timestamp_ms, stream, partition, \"offset\")
            SELECT md5(n::text)::uuid, md5('p')::uuid, now(), now(), 0, 1, 0, n FROM generate_series(1, 20000) n";
        world.client().await.batch_execute(many).await.expect("written");
        for _ in 0..9 {
            drop(world.begin("/build").await);
        }
        assert_eq!(world.get("/build").await.json().as_array().map(Vec::len), Some(20_000));
    }
}
