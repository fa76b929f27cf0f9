//! Checks requests on loopback when there are no keys.
//!
//! Everyone on this machine may do everything, but web pages in a browser on this machine may not.
//! Such pages reach loopback by a name that was rebound to it, or by a form that is sent across
//! sites (<https://fetch.spec.whatwg.org/#http-requests>: simple requests need no permission).

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// Returns whether the `Host` or `Origin` of the request is another name than the local machine's.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).is_some_and(|host| !is_local(host));
    let origin = text(header::ORIGIN).is_some_and(|origin| {
        !origin
            .parse::<Uri>()
            .is_ok_and(|uri| uri.authority().is_some_and(|a| is_local(a.as_str())))
    });
    host || origin
}

/// Returns whether the authority is `localhost`, a name below it (RFC 6761, 6.3), or a loopback
/// address, with or without a port.
fn is_local(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let last = host.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_is_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "127.8.9.1",
            "[::1]:3000",
            "weir.localhost",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "example.org",
            "localhost.example.org",
            "10.0.0.1",
            "",
            "a b",
            "127.0.0.1.example.org",
            "example.org:3000",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
