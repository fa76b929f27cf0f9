//! Limits the length of an answer to the length that Lambda can send.

use std::error::Error;

use axum::{
    body::to_bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{Problem, ProblemCode};

/// The error of a body that was cut off before its end. The reason is in the log.
#[derive(Debug, thiserror::Error)]
#[error("a long read ended before all rows were sent")]
pub struct CutOff;

/// Collects an answer, and refuses one of more than `bytes_max` with 413 `RESPONSE_TOO_LARGE`.
///
/// A client could not detect an answer that was cut off later.
pub(super) async fn limited(bytes_max: usize, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let error = match to_bytes(body, bytes_max).await {
        Ok(body) => return Response::from_parts(parts, body.into()),
        Err(error) => error,
    };
    // Each layer that the body passed has wrapped the error in its own error type.
    let mut causes =
        std::iter::successors(Some(&error as &(dyn Error + 'static)), |&error| error.source());
    let refused = if causes.any(<dyn Error>::is::<CutOff>) {
        Problem::database_unavailable()
    } else {
        Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: ProblemCode::ResponseTooLarge,
            detail: format!(
                "the answer is longer than {bytes_max} bytes, which Lambda cannot send"
            ),
            hint:
                "ask for pages with limit and follow their Link header, or read the files of the \
                day from the dump in S3"
                    .into(),
        }
    };
    let mut response = refused.into_response();
    // The access log reads the name of the key from the extensions.
    response.extensions_mut().extend(parts.extensions);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    async fn ask(body: impl Into<Body>) -> Response {
        limited(5, Response::new(body.into())).await
    }

    #[tokio::test]
    async fn what_fits_goes_out_and_what_is_longer_is_refused() {
        let answer = ask("12345").await;
        assert_eq!(to_bytes(answer.into_body(), 10).await.unwrap(), "12345");
        let answer = ask("123456").await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let problem = answer.extensions().get::<Problem>().unwrap();
        assert!(
            problem.code == ProblemCode::ResponseTooLarge && problem.hint.contains("dump"),
            "{problem:?}"
        );
    }

    #[tokio::test]
    async fn what_was_cut_off_is_told_from_what_is_too_long() {
        let cut = Body::from_stream(stream::iter([Ok("123"), Err(CutOff)]));
        assert_eq!(ask(cut).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
