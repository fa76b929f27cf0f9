//! `GET /build`: ids of builds, the one that was started last first. All of them unless `limit` is given.

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    ApiError, ApiState, json,
    long_read::Lines,
    query::{LIMIT_MAX, Params},
    reader::Param,
};

const SQL: &str = include_str!("list.sql");

/// A page, or all: at once where they are few, else streamed.
pub(crate) async fn list(State(state): State<ApiState>, uri: Uri) -> Result<Response, ApiError> {
    let mut params = Params::of(&uri);
    let (limit, offset) = (params.limit()?, params.offset()?);
    params.done()?;
    // One more than a page tells whether there are more.
    let first = limit.unwrap_or(LIMIT_MAX + 1);
    let rows = state.lists.rows(SQL, &[(&first, Type::INT8), (&offset, Type::INT8)]).await?;
    if limit.is_some() || i64::try_from(rows.len()).is_ok_and(|n| n < first) {
        return json::array(&rows, |row| row.try_get::<_, Uuid>(0));
    }
    let all: [Param<'_>; 2] = [(&None::<i64>, Type::INT8), (&offset, Type::INT8)];
    let body = state.long_reads.body(SQL, &all, Ids { first: true }).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// An array of ids.
struct Ids {
    first: bool,
}

impl Lines for Ids {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.push(b'[');
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), tokio_postgres::Error> {
        if !std::mem::take(&mut self.first) {
            out.push(b',');
        }
        json::append(out, &row.try_get::<_, Uuid>(0)?);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::world::World;

    #[tokio::test]
    async fn newest_first_all_or_a_page() {
        let world = World::new().await;
        assert_eq!(world.get("/build").await.text(), "[]");
        world.sample_builds().await;
        let id = |n: u8| format!("5a3b9c00-0000-4000-8000-0000000000{n:02}");
        assert_eq!(world.get("/build").await.json(), serde_json::json!([id(3), id(2), id(1)]));
        assert_eq!(world.get("/build?limit=1&offset=1").await.json(), serde_json::json!([id(2)]));
        assert_eq!(world.get("/build?offset=2").await.json(), serde_json::json!([id(1)]));
        assert_eq!(world.get("/build?limit=1000&offset=9223372036854775807").await.text(), "[]");
        for wrong in ["limit=0", "limit=1e9", "limit=-1", "limit=1001", "offset=-1", "limt=1", "limit=1&limit=2"] {
            world.get(&format!("/build?{wrong}")).await.is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
    }

    #[tokio::test]
    async fn many_are_streamed_whole_and_in_order() {
        let world = World::new().await;
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
        assert_eq!(world.get("/build?offset=9000").await.json().as_array().map(Vec::len), Some(1000));
    }

    /// Clients that go away in the middle give their place back: there are four.
    #[tokio::test]
    async fn clients_that_leave_block_nobody() {
        let world = World::new().await;
        let many = "INSERT INTO builds (id, project_id, time_started, time_updated, record_timestamp_ms, stream, partition, \"offset\")
            SELECT md5(n::text)::uuid, md5('p')::uuid, now(), now(), 0, 1, 0, n FROM generate_series(1, 20000) n";
        world.client().await.batch_execute(many).await.expect("written");
        for _ in 0..9 {
            drop(world.begin("/build").await);
        }
        assert_eq!(world.get("/build").await.json().as_array().map(Vec::len), Some(20_000));
    }
}
