//! `GET /dumps/{model}/{day}/{file}`: a file of a dump, by its name in the manifest, which has
//! slashes.

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use super::{DayPath, manifest};
use crate::{ApiError, ApiState, query::Params};

/// How long a signed URL is valid, which is long enough to begin a download.
const SIGNED_FOR: Duration = Duration::from_mins(15);

/// Returns the bytes of the file, or a redirect to them.
#[utoipa::path(
    get, path = "/dumps/{model}/{day}/{*file}", security((), ("key" = ["read"])),
    operation_id = "dumps_file", tag = "dumps",
    params(
        ("model" = String, Path, description = "The model."),
        ("day" = String, Path, format = Date, description = "The UTC day."),
        ("file" = String, Path, description = "The name of a file, as in the manifest. It has slashes."),
    ),
    responses(
        (status = 200, description = "The file.", content_type = "application/octet-stream"),
        (status = 302, description = "If the dumps are in S3: a URL of the file in `Location`, valid for 15 minutes."),
    ),
)]
pub(crate) async fn file(
    State(state): State<ApiState>,
    path: DayPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    Params::of(&uri).done()?;
    let blobs = state.dumps.blobs()?;
    let manifest = manifest(blobs, &path.model, path.day).await?;
    let missing = || ApiError::NotFound {
        what: "file",
        id: format!("{}/{}/{}", path.model, path.day, path.file.as_deref().unwrap_or_default()),
    };
    // A file that the manifest does not name may be incomplete or not from a dump.
    let file =
        manifest.files.iter().find(|f| Some(&f.name) == path.file.as_ref()).ok_or_else(missing)?;
    let at = manifest.path(file);
    if let Some(url) = blobs.sign(&at, SIGNED_FOR).await? {
        return Ok((
            StatusCode::FOUND,
            [(header::LOCATION, url.as_str()), (header::CACHE_CONTROL, "no-store")],
        )
            .into_response());
    }
    let reading = blobs.read(&at).await?;
    let part = file.name.rsplit('/').next().unwrap_or_default();
    let topic = file.topic.as_ref().map(|topic| [topic, "-"].concat()).unwrap_or_default();
    let name = format!("attachment; filename=\"{}-{}-{topic}{part}\"", path.model, path.day);
    let headers = [
        (header::CONTENT_TYPE, file.format.media_type().to_owned()),
        (header::CONTENT_LENGTH, reading.bytes.to_string()),
        (header::CONTENT_DISPOSITION, name),
        (header::ETAG, format!("\"{}\"", file.sha256)),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    Ok((headers, Body::from_stream(reading.content)).into_response())
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};

    use weir_http::Key;

    use crate::testing::{ApiWorld, keys};

    const FILE: &str = "/dumps/readings/2026-01-02/json/dt=2026-01-02/part-00000.json.gz";
    const FIRST_VERSION: &str = "/dumps/events/2026-01-02/topic=readings/part-00000.json.gz";

    #[tokio::test]
    async fn a_file_is_given_as_it_lies_there() {
        let world = ApiWorld::without_database();
        let answer = world.ask_with(Method::GET, FILE, &[("accept-encoding", "gzip")]).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "no gzip, but a file\n"));
        assert_eq!(answer.headers["content-type"], "application/gzip");
        assert_eq!(answer.headers["content-length"], "20");
        assert_eq!(
            answer.headers["content-disposition"],
            "attachment; filename=\"readings-2026-01-02-part-00000.json.gz\""
        );
        let (before, name) = FILE.split_at("/dumps/readings/2026-01-02/".len());
        let encoded = world.get(&[before, &name.replace('/', "%2F")].concat()).await;
        assert_eq!((encoded.status, encoded.text()), (StatusCode::OK, "no gzip, but a file\n"));
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_is_given_too() {
        let topic = ApiWorld::without_database().get(FIRST_VERSION).await;
        assert_eq!((topic.status, topic.text()), (StatusCode::OK, "a topic"));
        assert_eq!(
            topic.headers["content-disposition"],
            "attachment; filename=\"events-2026-01-02-readings-part-00000.json.gz\""
        );
    }

    /// A file that no manifest names may be incomplete or not from a dump. No path leads out of the
    /// folder.
    #[tokio::test]
    async fn an_incomplete_file_does_not_exist() {
        let world = ApiWorld::without_database();
        for path in [
            "/dumps/readings/2026-01-02/csv/dt=2026-01-02/part-00000.csv.gz",
            "/dumps/readings/2026-01-02/part-00000.json.gz",
            "/dumps/readings/2026-01-03/json/dt=2026-01-03/part-00000.json.gz",
            "/dumps/readings/2026-01-03",
            "/dumps/readings/2026-02-30",
            "/dumps/events/2026-01-03",
            "/dumps/events/2026-01-02/manifest.json",
            "/dumps/events/2026-01-02/json/dt=2026-01-02/topic=readings/part-00000.json.gz",
            "/dumps/readings/2026-01-02/..%2f..%2fpart-00000.json.gz",
            "/dumps/readings/2026-01-02/json/..%2f../part-00000.json.gz",
            "/dumps/readings/2026-01-02/%2e%2e/part-00000.json.gz",
            "/dumps/nothing/2026-01-02",
            "/dumps/..%2freadings/2026-01-02",
            "/dumps/readings/%ff",
        ] {
            world.get(path).await.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        }
        world.without_dumps().get("/dumps").await.is_problem(StatusCode::NOT_FOUND, "NO_DUMPS");
    }

    #[tokio::test]
    async fn public_dumps_need_no_key_and_nothing_else_is_public() {
        let world =
            ApiWorld::without_database().with_public_dumps(keys(&[("reader", "read", 1)]).await);
        let key = format!("Bearer {}", Key::new([1; 32]).reveal());
        for path in ["/dumps/readings/2026-01-02", FILE] {
            assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
        }
        for path in [
            "/dumps/events/2026-01-02",
            FIRST_VERSION,
            "/dumps/%72eadings/2026-01-02",
            "/v1/readings",
        ] {
            assert_eq!(world.get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        assert_eq!(
            world.ask(Method::POST, "/dumps/readings/2026-01-02").await.status,
            StatusCode::UNAUTHORIZED
        );
        let models = |json: &serde_json::Value| {
            json.as_array()
                .into_iter()
                .flatten()
                .filter_map(|m| m["model"].as_str().map(String::from))
                .collect::<Vec<_>>()
        };
        assert_eq!(models(&world.get("/dumps").await.json()), ["readings"]);
        let all = world.ask_with(Method::GET, "/dumps", &[("authorization", &key)]).await;
        assert_eq!(models(&all.json()), ["events", "readings"]);
        assert_eq!(
            world.ask_with(Method::GET, "/dumps", &[("authorization", "Bearer x")]).await.status,
            StatusCode::UNAUTHORIZED
        );
    }

    #[tokio::test]
    async fn the_list_takes_days_and_models() {
        let world = ApiWorld::without_database();
        for (query, models) in [
            ("", 2),
            ("?model=readings", 1),
            ("?from=2026-01-03", 0),
            ("?to=2026-01-02&limit=1", 2),
            ("?model=none", 0),
        ] {
            assert_eq!(
                world.get(&format!("/dumps{query}")).await.json().as_array().map(Vec::len),
                Some(models),
                "{query}"
            );
        }
        for query in ["?from=2026-02-30", "?limit=0", "?day=2026-01-02"] {
            world
                .get(&format!("/dumps{query}"))
                .await
                .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
    }
}
