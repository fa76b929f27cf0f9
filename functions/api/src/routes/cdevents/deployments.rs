//! `GET /v1/deployments`: the versions of services in environments, now or at an instant.

use axum::{extract::State, response::Response};
use tokio_postgres::{Row, types::Type};
use weir_model::listing::{ColumnKind, ListColumn};

use crate::{
    ApiError, ApiState,
    list::{Columns, ListRequest, Query, Value},
    openapi::{DeploymentParams, PageParams, listed_body},
    query::LIMIT_DEFAULT,
};

const COLUMNS: &[ListColumn] = &[
    ListColumn::of("environment", ColumnKind::Text, "The environment."),
    ListColumn::of("service", ColumnKind::Text, "The service."),
    ListColumn::maybe("artifact", ColumnKind::Text, "The id of the artifact that runs."),
    ListColumn::maybe(
        "version",
        ColumnKind::Text,
        "The version of the artifact, if its id is a package URL.",
    ),
    ListColumn::of("since", ColumnKind::Instant, "The time of the deployment."),
    ListColumn::of("change", ColumnKind::Text, "`deployed`, `upgraded` or `rolledback`."),
    ListColumn::of("event", ColumnKind::Text, "The id of the event of the deployment."),
];

listed_body!(
    DeploymentBody,
    "Deployment",
    "A service that runs in an environment.",
    COLUMNS.iter()
);

/// Returns the services that run at an instant, sorted by environment and service.
#[utoipa::path(
    get, path = "/v1/deployments", security(("key" = ["read"])),
    operation_id = "deployments_list", tag = "cdevents",
    params(DeploymentParams, PageParams),
    responses((status = 200, description = "A page.", body = Vec<DeploymentBody>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    mut asked: ListRequest,
) -> Result<Response, ApiError> {
    let text = |value: Option<String>| value.map_or(Value::Null, Value::Text);
    let filters = vec![
        (asked.params.instant("at")?.map_or(Value::Null, Value::Instant), Type::TIMESTAMPTZ),
        (text(asked.params.text("environment")?), Type::TEXT),
        (text(asked.params.text("service")?), Type::TEXT),
    ];
    let query = Query {
        name: "deployments",
        sql: include_str!("deployments.sql"),
        filters,
        pages: Vec::new(),
        merged: None,
        archive: None,
        key: vec![ColumnKind::Text, ColumnKind::Text],
        limit_default: Some(LIMIT_DEFAULT),
        may_lag: true,
    };
    let key = |row: &Row| {
        Ok(vec![
            Value::Text(row.try_get("environment_id")?),
            Value::Text(row.try_get("service_id")?),
        ])
    };
    asked.answer(&state, query, key, async |_| Ok(Columns(COLUMNS))).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::testing::ApiWorld;

    fn event(
        n: usize,
        what: &str,
        service: &str,
        environment: &str,
        day: u8,
        version: &str,
    ) -> String {
        let artifact = format!("pkg:oci/{service}@sha256%3A{version}?tag={version}");
        let mut content = json!({"environment": {"id": environment}});
        if what != "removed" {
            content["artifactId"] = artifact.into();
        }
        json!({"context": {"specversion": "0.5.1", "id": n.to_string(), "source": "/x", "type": format!("dev.cdevents.service.{what}.0.3.0"),
            "timestamp": format!("2026-01-{day:02}T00:00:00Z")}, "subject": {"id": service, "content": content}})
        .to_string()
    }

    #[tokio::test]
    async fn what_is_where_and_what_was() {
        let world = ApiWorld::new().await;
        let events = [
            event(1, "deployed", "shop", "prod", 1, "1"),
            event(2, "upgraded", "shop", "prod", 3, "2"),
            event(3, "rolledback", "shop", "prod", 5, "1"),
            event(4, "deployed", "search", "prod", 2, "7"),
            event(5, "removed", "search", "prod", 6, ""),
            event(6, "deployed", "shop", "staging", 4, "3"),
        ];
        world.cdevents(&events).await;
        let at = async |query: &str| -> Vec<String> {
            let rows = world.get(&format!("/v1/deployments?{query}")).await.json();
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
            rows.as_array()
                .unwrap()
                .iter()
                .map(|r| ["environment", "service", "version"].map(|name| text(r, name)).join(" "))
                .collect()
        };
        assert_eq!(at("at=2025-12-31T00:00:00Z").await, Vec::<String>::new());
        assert_eq!(at("at=2026-01-01T00:00:00Z").await, ["prod shop 1"]);
        assert_eq!(
            at("at=2026-01-04T12:00:00Z").await,
            ["prod search 7", "prod shop 2", "staging shop 3"]
        );
        assert_eq!(
            at("at=2026-01-05T00:00:00Z&environment=prod").await,
            ["prod search 7", "prod shop 1"]
        );
        assert_eq!(at("").await, ["prod shop 1", "staging shop 3"]);
        assert_eq!(at("service=shop&environment=staging").await, ["staging shop 3"]);
        let page = world.get("/v1/deployments?limit=1").await;
        assert_eq!(page.json()[0]["since"], "2026-01-05T00:00:00.000Z");
        assert_eq!(world.next(&page).await.json()[0]["environment"], "staging");
        world
            .get("/v1/deployments?at=yesterday")
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }
}
