//! Treats `/build/` as `/build`.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};

/// Marks a request whose path ended with a slash, for a route to which the slash matters.
#[derive(Clone, Copy)]
pub struct TrailingSlash;

/// Removes slashes from the end of the path.
pub(super) fn trim_trailing_slash(request: &mut Request) {
    if let Some(uri) = without_trailing_slash(request.uri()) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(TrailingSlash);
    }
}

/// Returns the URI without slashes at the end of its path; `None` when there are none.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if path.len() < 2 || !path.ends_with('/') {
        return None;
    }
    let trimmed = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let query = uri.query().map(|q| ["?", q].concat()).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from([trimmed, &query].concat()).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_go_and_the_query_stays() {
        for (path, expected) in [
            ("/build/", "/build"),
            ("/build//?a=/", "/build?a=/"),
            ("//", "/"),
            ("http://host/x/?y", "http://host/x?y"),
        ] {
            let uri = path.parse().expect("a URI");
            assert_eq!(without_trailing_slash(&uri).expect("changed").to_string(), expected);
        }
        for path in ["/", "/build", "/build?a=/"] {
            assert_eq!(without_trailing_slash(&path.parse().expect("a URI")), None);
        }
    }
}
