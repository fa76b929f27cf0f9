//! `GET /build/{build}`: one build.

use axum::{extract::State, response::Response};
use tokio_postgres::Row;
use weir_model::builds::LISTING;

use crate::{
    ApiError, ApiState,
    etag::IfNoneMatch,
    list::{Cell, Columns, RowEncoder, answer_one},
    openapi::listed_body,
    path_params::UuidPath,
};

/// The members with the names of Probo, in the order of the model's columns.
pub(crate) const NAMES: [&str; LISTING.columns.len()] = [
    "buildId",
    "projectId",
    "requestId",
    "branchName",
    "branchUrl",
    "commitRef",
    "commitUrl",
    "prName",
    "prNumber",
    "prDescription",
    "prUrl",
    "bytesReal",
    "bytesVirtual",
    "config",
    "pinned",
    "reaped",
    "reapedReason",
    "reapedReasonText",
    "reapedDate",
    "statusBuild",
    "statusSubmitted",
    "timeStarted",
    "timeUpdated",
    "steps",
];

listed_body!(BuildBody, "Build", "A build, with the member names of Probo.", members NAMES.into_iter().zip(LISTING.columns));

/// Returns the build, or 404.
#[utoipa::path(
    get, path = "/build/{build}", security(("key" = ["read"])),
    operation_id = "builds_get", tag = "builds",
    params(("build" = Uuid, Path, description = "Id of the build.")),
    responses((status = 200, description = "The build.", body = BuildBody), (status = 304, description = "The client already has this version.")),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    UuidPath(id): UuidPath,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let found = state
        .builds
        .find(id)
        .await?
        .ok_or_else(|| ApiError::NotFound { what: "build", id: id.to_string() })?;
    answer_one(&known, &Build, &found)
}

/// A build with the names of Probo.
struct Build;

impl RowEncoder for Build {
    fn names(&self) -> Vec<&'static str> {
        NAMES.to_vec()
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        Columns::read(LISTING.columns, row, cells)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    const ID: &str = "5a3b9c00-0000-4000-8000-0000000000ab";

    fn event() -> String {
        format!(
            r#"{{"version":1,"data":{{"topic":"build_events","event":"ready","data":{{}},"build":{{"id":"{ID}",
            "projectId":"0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10","requestId":null,
            "branch":{{"name":"main","htmlUrl":"https://git.example/tree/main"}},"commit":{{"ref":"abc","htmlUrl":"https://git.example/abc"}},
            "pullRequest":{{"name":"Trim","number":7,"description":"","htmlUrl":"https://git.example/pull/7"}},
            "diskSpace":{{"realBytes":13462483,"virtualBytes":1512017490}},"config":{{"image":"rigging"}},"pinned":true,
            "reaped":true,"reapedReason":4,"reapedReasonText":"closed","reapedDate":"2017-06-12T12:31:59.287Z",
            "status":"error","submittedState":"pending","steps":[{{"name":"make","n":1e3}}],
            "createdAt":"2017-06-12T12:00:00Z","updatedAt":"2017-06-12T14:32:00.5+02:00"}}}}}}"#
        )
    }

    const BODY: &str = concat!(
        r#"{"buildId":"5a3b9c00-0000-4000-8000-0000000000ab","projectId":"0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10","requestId":null,"#,
        r#""branchName":"main","branchUrl":"https://git.example/tree/main","commitRef":"abc","commitUrl":"https://git.example/abc","#,
        r#""prName":"Trim","prNumber":"7","prDescription":"","prUrl":"https://git.example/pull/7","#,
        r#""bytesReal":13462483,"bytesVirtual":1512017490,"config":{"image": "rigging"},"pinned":true,"reaped":true,"#,
        r#""reapedReason":4,"reapedReasonText":"closed","reapedDate":"2017-06-12T12:31:59.287Z","#,
        r#""statusBuild":"error","statusSubmitted":"pending","#,
        r#""timeStarted":"2017-06-12T12:00:00.000Z","timeUpdated":"2017-06-12T12:32:00.500Z","#,
        r#""steps":[{"n": 1000, "name": "make"}]}"#
    );

    #[tokio::test]
    async fn a_build_is_shown_to_the_letter() {
        let world = ApiWorld::new().await;
        world.build_events(&[event()]).await;
        for id in [ID.to_owned(), ID.to_uppercase()] {
            let answer = world.get(&format!("/build/{id}")).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.headers["content-type"], "application/json");
            assert_eq!(answer.text(), BODY);
        }
    }

    #[tokio::test]
    async fn a_bare_build_has_nulls_and_zeros() {
        let world = ApiWorld::new().await;
        world.build_events(&[format!(r#"{{"data":{{"build":{{"id":"{ID}","projectId":"{ID}"}},"event":"started","data":1}}}}"#)]).await;
        let build = world.get(&format!("/build/{ID}")).await.json();
        assert_eq!(
            (&build["bytesReal"], &build["reaped"], &build["config"]),
            (&0.into(), &false.into(), &serde_json::Value::Null)
        );
        assert_eq!(build.as_object().map(serde_json::Map::len), Some(super::NAMES.len()));
        // The build has no time, so its time is the record's timestamp.
        assert_eq!(build["timeStarted"], "2026-01-02T03:04:05.678Z");
    }

    #[tokio::test]
    async fn an_unknown_build_is_404() {
        let answer = ApiWorld::new().await.get(&format!("/build/{ID}")).await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        assert_eq!(answer.json()["detail"], format!("build {ID} does not exist"));
    }

    #[tokio::test]
    async fn what_is_no_uuid_is_400() {
        let world = ApiWorld::new().await;
        let braces = format!("%7B{ID}%7D");
        for id in [
            "7",
            "x",
            "%ff",
            "%20",
            &ID[1..],
            &ID.replace('-', ""),
            &braces,
            &format!("{ID}'--"),
            &"9".repeat(4000),
        ] {
            world
                .get(&format!("/build/{id}"))
                .await
                .is_problem(StatusCode::BAD_REQUEST, "INVALID_ID");
        }
    }

    #[tokio::test]
    async fn without_a_database_it_is_503() {
        let answer = ApiWorld::without_database().get(&format!("/build/{ID}")).await;
        answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
}
