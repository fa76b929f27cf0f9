//! `/docs`: Swagger UI, embedded in the program, so that it works without the internet.

use std::{
    borrow::Cow,
    io::{self, Read},
    sync::Arc,
};

use axum::{
    Extension,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::read::GzDecoder;
use utoipa_swagger_ui::{Config, SwaggerFile, serve};
use weir_http::TrailingSlash;

/// `GET /docs/` returns the page. `GET /docs` redirects to it, because the page's files are
/// relative to this path. The redirect is relative too, so that it works below a stage's prefix.
pub(crate) async fn index(slash: Option<Extension<TrailingSlash>>) -> Response {
    match slash {
        Some(_) => file(Path("index.html".to_owned())).await,
        None => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "docs/")]).into_response(),
    }
}

/// Returns one of the viewer's files.
pub(crate) async fn file(Path(path): Path<String>) -> Response {
    let config = Config::from("../openapi.json")
        .use_base_layout()
        .try_it_out_enabled(true)
        .persist_authorization(false);
    match serve(&path, Arc::new(config)).and_then(|file| Ok(file.map(unpacked).transpose()?)) {
        Ok(Some((content_type, bytes))) => {
            ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "the viewer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Decompresses a file. The files are compressed in the program, which saves 3 MB. A client that
/// accepts gzip gets them compressed like any other answer.
fn unpacked(file: SwaggerFile<'static>) -> io::Result<(String, Cow<'static, [u8]>)> {
    if !file.gzpipped {
        return Ok((file.content_type, file.bytes));
    }
    let mut bytes = Vec::new();
    GzDecoder::new(&*file.bytes).read_to_end(&mut bytes)?;
    Ok((file.content_type, bytes.into()))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn the_viewer_needs_nothing_from_outside() {
        let world = ApiWorld::without_database();
        let answer = world.get("/docs").await;
        assert_eq!(
            (answer.status, &answer.headers["location"]),
            (StatusCode::TEMPORARY_REDIRECT, &"docs/".parse().unwrap())
        );
        let page = world.get("/docs/").await;
        assert_eq!(
            (page.status, &page.headers["content-type"]),
            (StatusCode::OK, &"text/html".parse().unwrap())
        );
        assert!(
            !page.text().contains("https://") && !page.text().contains("//unpkg"),
            "{}",
            page.text()
        );
        for file in page
            .text()
            .split(['"', '\''])
            .filter_map(|part| part.strip_prefix("./"))
            .filter(|f| f.contains('.'))
        {
            assert_eq!(world.get(&format!("/docs/{file}")).await.status, StatusCode::OK, "{file}");
        }
        assert!(world.get("/docs/swagger-initializer.js").await.text().contains("../openapi.json"));
        world.get("/docs/nothing.js").await.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
    }
}
