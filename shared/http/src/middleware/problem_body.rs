//! Renders every error as `application/problem+json`: errors of our handlers, of axum and of
//! plugins.

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
};

use crate::{Members, Problem, ProblemCode};

/// The most bytes of an error text of axum or of a plugin that are kept.
const DETAIL_BYTES_MAX: usize = 1024;

/// Renders the problem of a handler. An error without a JSON body gets a problem as its body.
pub(super) async fn rendered(method: Method, for_phobos: bool, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let problem = match parts.extensions.remove::<Problem>() {
        Some(problem) => problem,
        None if is_json(&parts.headers) => return Response::from_parts(parts, body),
        None => foreign(&method, parts.status, &parts.headers, body).await,
    };
    let members = parts.extensions.remove::<Members>().unwrap_or_default();
    let mut rendered = problem.render(for_phobos, members);
    if method == Method::HEAD {
        // The routes answer HEAD in the same way: a length without a body.
        let length = rendered.body().size_hint().exact().unwrap_or_default();
        *rendered.body_mut() = Body::empty();
        rendered.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    // Headers such as `Allow` stay, with all their values. Headers that describe the old body are
    // removed.
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    for name in parts.headers.keys() {
        rendered.headers_mut().remove(name);
    }
    for (name, value) in &parts.headers {
        rendered.headers_mut().append(name, value.clone());
    }
    // The access log reads the name of the key from the extensions.
    *rendered.extensions_mut() = parts.extensions;
    rendered
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/json") || kind.starts_with("application/problem+json")
}

async fn foreign(method: &Method, status: StatusCode, headers: &HeaderMap, body: Body) -> Problem {
    let (code, hint) = match status {
        StatusCode::NOT_FOUND => {
            (ProblemCode::NotFound, "see the documentation for the list of routes".to_owned())
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = headers
                .get(header::ALLOW)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            (
                ProblemCode::MethodNotAllowed,
                format!("this route accepts {}", allowed.replace(',', ", ")),
            )
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            (ProblemCode::BodyTooLarge, "send the body in smaller parts".to_owned())
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            ProblemCode::UnsupportedMediaType,
            "see the documentation for the content types that this route accepts".to_owned(),
        ),
        status if status.is_client_error() => (
            ProblemCode::BadRequest,
            "see the documentation for the requests that this route accepts".to_owned(),
        ),
        _ => (
            ProblemCode::Internal,
            "the server's log has the reason, with the x-request-id of this answer".to_owned(),
        ),
    };
    let said = match status {
        // The text may contain internal details.
        status if status.is_server_error() => None,
        _ => to_bytes(body, DETAIL_BYTES_MAX)
            .await
            .ok()
            .and_then(|bytes| String::from_utf8(bytes.into()).ok())
            .filter(|text| !text.is_empty()),
    };
    let detail = said.unwrap_or_else(|| match status {
        StatusCode::NOT_FOUND => "the route does not exist".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => format!("this route does not accept {method}"),
        _ => "the request failed".to_owned(),
    });
    Problem { status, code, detail, hint }
}
