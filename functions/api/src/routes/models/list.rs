//! `GET /v1/{model}`: the rows of a model's projection.

use axum::response::Response;
use tokio_postgres::Row;
use weir_model::listing::{ColumnKind, Listing};

use crate::{
    ApiError, ApiState,
    list::{Columns, ListRequest, Query, Value},
    routes::{events, record_filter::RecordFilter},
};

/// Answers with a page of a model's rows. For a model that has only the log, answers with its
/// events.
pub(crate) async fn list(
    state: &ApiState,
    name: &'static str,
    listing: Option<Listing>,
    mut asked: ListRequest,
) -> Result<Response, ApiError> {
    let Some(listing) = listing else {
        let mut filter = RecordFilter::take(&mut asked.params)?;
        filter.topics.get_or_insert_with(|| state.topics_of(name));
        return events::answer(state, asked, name, filter).await;
    };
    let query = Query::of(name, &listing, &mut asked.params)?;
    let columns = listing.columns;
    let key = move |row: &Row| {
        listing.key_columns().map(|(at, column)| value(row, at, column.kind)).collect()
    };
    asked.answer(state, query, key, async |_| Ok(Columns(columns))).await
}

fn value(row: &Row, at: usize, kind: ColumnKind) -> Result<Value, tokio_postgres::Error> {
    Ok(match kind {
        ColumnKind::Uuid => row.try_get::<_, Option<_>>(at)?.map(Value::Uuid),
        ColumnKind::Int4 => row.try_get::<_, Option<_>>(at)?.map(Value::Int4),
        ColumnKind::Int8 => row.try_get::<_, Option<_>>(at)?.map(Value::Int8),
        ColumnKind::Bool => row.try_get::<_, Option<_>>(at)?.map(Value::Bool),
        ColumnKind::Instant => row.try_get::<_, Option<_>>(at)?.map(Value::Instant),
        ColumnKind::Text | ColumnKind::Float8 | ColumnKind::Json => {
            row.try_get::<_, Option<_>>(at)?.map(Value::Text)
        }
    }
    .unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn readings_newest_first_page_by_page() {
        let world = ApiWorld::new().await;
        let at = |n: usize| format!("2020-01-01T00:00:{n:02}Z");
        let times: Vec<String> = (0..10).map(at).collect();
        let all: Vec<(&str, f64, &str)> = times
            .iter()
            .flat_map(|t| [("speed", 1.5, t.as_str()), ("fuel", 2.0, t.as_str())])
            .collect();
        world.readings(&all).await;
        let list = world.get("/v1/readings").await;
        assert!(!list.headers.contains_key("link"));
        let rows = list.json();
        assert_eq!(rows.as_array().map(Vec::len), Some(20));
        assert_eq!(
            rows[0],
            json!({"sensor": "speed", "timestamp": "2020-01-01T00:00:09.000Z", "value": 1.5})
        );
        assert_eq!(
            rows[1],
            json!({"sensor": "fuel", "timestamp": "2020-01-01T00:00:09.000Z", "value": 2})
        );
        let mut page = world.get("/v1/readings?limit=3").await;
        let mut seen = page.json().as_array().unwrap().clone();
        while page.headers.contains_key("link") {
            page = world.next(&page).await;
            seen.extend(page.json().as_array().unwrap().clone());
        }
        assert_eq!(json!(seen), rows);
        let some = world
            .get("/v1/readings?sensor=fuel&from=2020-01-01T00:00:02Z&to=2020-01-01T00:00:04Z")
            .await
            .json();
        assert_eq!(some.as_array().map(Vec::len), Some(2));
        assert!(some.as_array().unwrap().iter().all(|r| r["sensor"] == "fuel"));
    }

    /// A page is searched in the newest months first. Each row comes once, in its order.
    #[tokio::test]
    async fn readings_of_all_months_page_by_page() {
        let world = ApiWorld::new().await;
        let sql = "SELECT to_char((now() + months * interval '1 month') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
            FROM unnest(ARRAY[40, 2, 0, -1, -2, -11, -13, -30, -400]) AS months ORDER BY months DESC";
        let times = world.client().await.query(sql, &[]).await.expect("read");
        let times: Vec<String> = times.iter().map(|row| row.get(0)).collect();
        let all: Vec<(&str, f64, &str)> = times
            .iter()
            .flat_map(|t| [("speed", 1.5, t.as_str()), ("fuel", 2.0, t.as_str())])
            .collect();
        world.readings(&all).await;
        let wanted: Vec<_> = all.iter().map(|(sensor, _, at)| format!("{sensor} {at}")).collect();
        for limit in [1, 3, 4, 5, 20] {
            let mut page = world.get(&format!("/v1/readings?limit={limit}")).await;
            let mut seen = page.json().as_array().unwrap().clone();
            while page.headers.contains_key("link") {
                page = world.next(&page).await;
                seen.extend(page.json().as_array().unwrap().clone());
            }
            let seen: Vec<_> = seen
                .iter()
                .map(|r| {
                    format!(
                        "{} {}",
                        r["sensor"].as_str().unwrap(),
                        r["timestamp"].as_str().unwrap()
                    )
                })
                .collect();
            assert_eq!(seen, wanted, "{limit}");
        }
        let of = async |query: String| world.get(&query).await.json().as_array().map(Vec::len);
        assert_eq!(of(format!("/v1/readings?limit=2&from={}", times[5])).await, Some(2));
        assert_eq!(of(format!("/v1/readings?limit=100&from={}", times[5])).await, Some(12));
        assert_eq!(
            of(format!("/v1/readings?limit=100&to={}&sensor=fuel", times[5])).await,
            Some(3)
        );
    }

    #[tokio::test]
    async fn builds_with_the_columns_of_the_table() {
        let world = ApiWorld::new().await;
        world.sample_builds().await;
        let list = world.get("/v1/builds?reaped=true").await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&list[0]["reaped"], &list[0]["project_id"]),
            (&true.into(), &"0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10".into())
        );
        let page =
            world.get("/v1/builds?limit=2&project_id=0E3C1F6A-2F50-4A86-9D5C-7B9C1A4F2D10").await;
        let rest = world.next(&page).await;
        assert_eq!(
            (page.json().as_array().map(Vec::len), rest.json().as_array().map(Vec::len)),
            (Some(2), Some(1))
        );
        for wrong in ["reaped=1", "project_id=7", "from=x", "sensor=a", "cursor=x"] {
            world
                .get(&format!("/v1/builds?{wrong}"))
                .await
                .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
        // A cursor of another list is rejected.
        let link = page.headers["link"].to_str().unwrap();
        let cursor = link.split("cursor=").nth(1).unwrap().split('>').next().unwrap();
        world
            .get(&format!("/v1/readings?cursor={cursor}"))
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }

    #[tokio::test]
    async fn a_model_that_nobody_knows_is_404() {
        ApiWorld::new()
            .await
            .get("/v1/nothing")
            .await
            .is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
    }

    /// For every model with a list: its pages, its stream and its table have the same rows, and
    /// each filter finds rows.
    #[tokio::test]
    async fn every_model_is_listed_whole_and_by_each_filter() {
        for model in weir_model::models::builtin().iter() {
            let (Some(listing), Some(topic)) = (model.listing(), model.default_topic()) else {
                continue;
            };
            let world = ApiWorld::new().await;
            let samples = model.samples(weir_model::Micros(1_767_323_045_678_000));
            let record =
                |(offset, sample): (i64, &weir_model::sample::Sample)| weir_testkit::Record {
                    topic: topic.into(),
                    offset,
                    timestamp: sample.timestamp_ms,
                    value: sample.value.as_str().into(),
                    ..weir_testkit::Record::default()
                };
            world.deliver((0..).zip(&samples).map(record)).await;
            let path = format!("/v1/{}", model.name());
            let stream = world.get_as(&path, "application/x-ndjson").await;
            let all: Vec<serde_json::Value> =
                stream.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let count = format!("SELECT count(*) FROM {}", model.tables()[0]);
            let count: i64 = world.client().await.query_one(&count, &[]).await.unwrap().get(0);
            assert_eq!(i64::try_from(all.len()), Ok(count), "{path}");
            let mut names: Vec<&str> = listing.columns.iter().map(|c| c.name).collect();
            names.sort_unstable();
            assert!(
                all.iter().all(|row| row.as_object().unwrap().keys().eq(names.iter().copied())),
                "{path}"
            );
            let mut page = world.get(&format!("{path}?limit=97")).await;
            let mut seen = page.json().as_array().unwrap().clone();
            while page.headers.contains_key("link") {
                page = world.next(&page).await;
                seen.extend(page.json().as_array().unwrap().clone());
            }
            assert!(seen == all, "{path}: the pages are not the stream");
            let first = all
                .iter()
                .find(|row| row.as_object().unwrap().values().all(|v| !v.is_null()))
                .unwrap_or(&all[0]);
            for filter in listing.filters {
                let of = listing
                    .columns
                    .iter()
                    .find(|c| c.name == filter.name)
                    .map_or(listing.key[0], |c| c.name);
                let value = match &first[of] {
                    serde_json::Value::String(text) => {
                        text.replace('%', "%25").replace('&', "%26").replace('#', "%23")
                    }
                    serde_json::Value::Null => continue,
                    other => other.to_string(),
                };
                let found = world.get(&format!("{path}?limit=1000&{}={value}", filter.name)).await;
                assert_eq!(
                    found.status,
                    StatusCode::OK,
                    "{path} {}: {}",
                    filter.name,
                    found.text()
                );
                let rows = found.json().as_array().unwrap().len();
                assert!(
                    (1..all.len()).contains(&rows)
                        || filter.name == "from"
                        || filter.name == "to"
                        || all.len() < 5,
                    "{path} {}: {rows} of {}",
                    filter.name,
                    all.len()
                );
            }
        }
    }
}
