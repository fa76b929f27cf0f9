//! `GET /v1/dora`: the DORA metrics, which measure how often, how fast and how well software is
//! delivered.

use axum::{extract::State, http::Uri, response::Response};
use tokio_postgres::types::Type;
use weir_model::listing::{ColumnKind, ListColumn};

use crate::{
    ApiError, ApiState, json,
    list::{Columns, one},
    openapi::{DoraParams, listed_body},
    query::Params,
};

const COLUMNS: &[ListColumn] = &[
    ListColumn::of("from", ColumnKind::Instant, "The start of the window."),
    ListColumn::of("to", ColumnKind::Instant, "The end of the window."),
    ListColumn::of(
        "deployments",
        ColumnKind::Int8,
        "The number of deployments and upgrades of services.",
    ),
    ListColumn::maybe(
        "deployments_per_day",
        ColumnKind::Float8,
        "The number of deployments per day.",
    ),
    ListColumn::maybe(
        "lead_time_seconds",
        ColumnKind::Float8,
        "Median from `artifact.published` to the deployment of that artifact.",
    ),
    ListColumn::of(
        "failed",
        ColumnKind::Int8,
        "The number of deployments after which, before the next one, a rollback or an incident \
            followed.",
    ),
    ListColumn::maybe(
        "change_failure_rate",
        ColumnKind::Float8,
        "The failed deployments divided by all deployments.",
    ),
    ListColumn::of("restored", ColumnKind::Int8, "The number of incidents that were resolved."),
    ListColumn::maybe(
        "time_to_restore_seconds",
        ColumnKind::Float8,
        "Median from the first `detected` or `reported` of an incident to its `resolved`.",
    ),
];

listed_body!(
    DoraBody,
    "Dora",
    "The DORA measures of a window. A measure is null if the window has no data for it.",
    COLUMNS.iter()
);

/// Returns the four DORA measures of a window.
///
/// The default window is the 30 days before `to`; the default of `to` is now.
#[utoipa::path(
    get, path = "/v1/dora", security(("key" = ["read"])),
    operation_id = "dora", tag = "cdevents",
    params(DoraParams),
    responses((status = 200, description = "The measures.", body = DoraBody)),
)]
pub(crate) async fn dora(State(state): State<ApiState>, uri: Uri) -> Result<Response, ApiError> {
    let mut params = Params::of(&uri);
    let (from, to) = (params.instant("from")?, params.instant("to")?);
    let (service, environment) = (params.text("service")?, params.text("environment")?);
    params.done()?;
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(ApiError::parameter(
            "from",
            "is not before to",
            "give a start before the end of the window",
        ));
    }
    let sql = include_str!("dora.sql");
    let row = state
        .lists
        .row(
            sql,
            &[
                (&from, Type::TIMESTAMPTZ),
                (&to, Type::TIMESTAMPTZ),
                (&service, Type::TEXT),
                (&environment, Type::TEXT),
            ],
        )
        .await?;
    let row = row.ok_or_else(|| {
        ApiError::parameter("from", "is in the future", "give a start before the end of the window")
    })?;
    Ok(json::response(one(&Columns(COLUMNS), &row)?))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::testing::ApiWorld;

    fn event(id: &str, kind: &str, subject: &str, hour: u8, content: &Value) -> String {
        json!({"context": {"specversion": "0.5.1", "id": id, "source": "/x", "type": format!("dev.cdevents.{kind}.0.3.0"),
            "timestamp": format!("2026-01-10T{hour:02}:00:00Z")}, "subject": {"id": subject, "content": content}})
        .to_string()
    }

    #[tokio::test]
    async fn a_day_of_deployments() {
        let world = ApiWorld::new().await;
        let on = |environment: &str, artifact: &str| json!({"environment": {"id": environment}, "artifactId": artifact});
        let trouble = |service: &str, environment: &str| json!({"environment": {"id": environment}, "service": {"id": service}});
        let empty = json!({});
        let events = [
            event("p1", "artifact.published", "pkg:oci/a@1", 1, &empty),
            event("p2", "artifact.published", "pkg:oci/a@2", 3, &empty),
            // A second publication, which is later. The deployment at 4 belongs to the first one.
            event("p3", "artifact.published", "pkg:oci/a@2", 20, &empty),
            event("d1", "service.deployed", "a", 2, &on("prod", "pkg:oci/a@1")),
            event("d2", "service.upgraded", "a", 4, &on("prod", "pkg:oci/a@2")),
            // An incident in another environment, one of another service, and the one that counts.
            event("i1", "incident.detected", "i1", 5, &trouble("a", "staging")),
            event("i2", "incident.detected", "i2", 5, &trouble("b", "prod")),
            event("i3", "incident.reported", "i3", 6, &trouble("a", "prod")),
            event("i3r", "incident.detected", "i3", 7, &trouble("a", "prod")),
            event("r3", "incident.resolved", "i3", 9, &trouble("a", "prod")),
            event("r1", "incident.resolved", "i1", 6, &trouble("a", "staging")),
            event("d3", "service.deployed", "a", 10, &on("prod", "pkg:oci/a@9")),
            // This rollback is after the window and before the next deployment.
            event("b3", "service.rolledback", "a", 23, &on("prod", "pkg:oci/a@2")),
        ];
        world.cdevents(&events).await;
        let dora =
            world.get("/v1/dora?from=2026-01-10T00:00:00Z&to=2026-01-10T12:00:00Z").await.json();
        assert_eq!(
            dora,
            json!({"from": "2026-01-10T00:00:00.000Z", "to": "2026-01-10T12:00:00.000Z", "deployments": 3, "deployments_per_day": 6,
                "lead_time_seconds": 3600, "failed": 2, "change_failure_rate": 2.0 / 3.0, "restored": 2, "time_to_restore_seconds": 7200})
        );
        let none = world
            .get("/v1/dora?from=2026-01-10T00:00:00Z&to=2026-01-10T12:00:00Z&service=z")
            .await
            .json();
        assert_eq!(
            (&none["deployments"], &none["lead_time_seconds"], &none["change_failure_rate"]),
            (&json!(0), &json!(null), &json!(null))
        );
        let staging = world
            .get("/v1/dora?from=2026-01-10T00:00:00Z&to=2026-01-10T12:00:00Z&environment=staging")
            .await
            .json();
        assert_eq!((&staging["deployments"], &staging["restored"]), (&json!(0), &json!(1)));
        assert_eq!(world.get("/v1/dora").await.status, StatusCode::OK);
        assert_eq!(
            world.get("/v1/dora?to=2026-01-11T00:00:00Z").await.json()["from"],
            "2025-12-12T00:00:00.000Z"
        );
        for wrong in [
            "from=2026-01-10T00:00:00Z&to=2026-01-10T00:00:00Z",
            "from=x",
            "weeks=2",
            "from=9999-01-01T00:00:00Z",
        ] {
            world
                .get(&format!("/v1/dora?{wrong}"))
                .await
                .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
    }
}
