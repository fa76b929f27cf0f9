//! RFC 9112, 3.2: a request of HTTP/1.1 has exactly one `Host`. Other requests are refused, because
//! two parties could read them differently.

use axum::http::{HeaderMap, Request, Version, header::HOST, uri::Authority};

/// Returns whether the request names exactly one host. Before HTTP/1.1 the header may be missing.
pub(super) fn names_one_host<B>(request: &Request<B>) -> bool {
    let is_old = request.version() < Version::HTTP_11;
    hosts(request.headers(), is_old)
}

fn hosts(headers: &HeaderMap, may_be_missing: bool) -> bool {
    let mut all = headers.get_all(HOST).iter();
    match (all.next(), all.next()) {
        (None, _) => may_be_missing,
        (Some(one), None) => one.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// RFC 9110, 7.2: a host with or without a port; empty when the URI has no host.
fn is_host(text: &str) -> bool {
    text.is_empty() || (!text.contains('@') && text.parse::<Authority>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(version: Version, given: &[&str]) -> bool {
        let mut request = Request::builder().version(version);
        for host in given {
            request = request.header(HOST, *host);
        }
        names_one_host(&request.body(()).unwrap())
    }

    #[test]
    fn one_host_and_only_one() {
        for host in [
            "localhost",
            "localhost:3000",
            "[::1]:3000",
            "127.0.0.1",
            "weir.example.org:443",
            "a,b",
            "",
        ] {
            assert!(names(Version::HTTP_11, &[host]), "{host}");
        }
        for given in [
            &[][..],
            &["a", "a"],
            &["a", "b"],
            &["a b"],
            &["a@b"],
            &["http://a"],
            &["a:b:c"],
            &["\u{e9}"],
        ] {
            assert!(!names(Version::HTTP_11, given), "{given:?}");
        }
        assert!(names(Version::HTTP_10, &[]) && !names(Version::HTTP_10, &["a", "a"]));
    }
}
