//! Checks the key of a request before its route.

use std::borrow::Cow;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64_simd::STANDARD;

use super::{Access, Denied, Entry, Key, KeyName, Keys, Need, Needs, Scope, local};

const NEITHER: &str = "the Authorization header has neither a Bearer key nor a Basic user name \
    with a key";
const UNKNOWN: &str = "the API key is unknown";

/// Passes a request on if it may do what its method and route declare in `needs`.
pub(crate) async fn checked(
    access: &Access,
    needs: &Needs,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match needs.of(request.method(), route) {
        Need::Scope(needed) => authorized(access, needed, request, next).await,
        Need::Nothing | Need::OwnCheck(_) => next.run(request).await,
    }
}

/// Passes a request on if its key has this scope. Otherwise answers 401 `UNAUTHORIZED` or 403
/// `FORBIDDEN`.
///
/// The extensions of the request and of the response contain the name of the key as [`KeyName`].
pub async fn authorized(
    access: &Access,
    needed: Scope,
    mut request: Request,
    next: Next,
) -> Response {
    let name = match access.permits(request.headers(), needed).await {
        Ok(Some(name)) => name,
        Ok(None) => return next.run(request).await,
        Err(denied) => return denied.into_response(),
    };
    request.extensions_mut().insert(name.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(name);
    response
}

impl Access {
    /// Returns the name of the key in these headers, if the key has the scope. Returns `None` when
    /// no key is required.
    pub async fn permits(
        &self,
        headers: &HeaderMap,
        needed: Scope,
    ) -> Result<Option<KeyName>, Denied> {
        let source = match self {
            Self::Keys(source) => source,
            // A web page in a browser on this machine must not reach the server.
            Self::Open if local::is_foreign(headers) => return Err(Denied::Foreign),
            Self::Open | Self::Iam => return Ok(None),
        };
        let keys = source.keys().await;
        let Entry { name, scopes, .. } =
            presented(headers, &keys).map_err(|fault| Denied::Unauthorized { fault })?.clone();
        if scopes.allows(needed) {
            Ok(Some(name))
        } else {
            Err(Denied::Forbidden { name, has: scopes, needed })
        }
    }
}

/// Returns the entry of the key that the request shows.
///
/// Exactly one `Authorization` header with nothing but a key is accepted: two parties could read
/// other forms differently.
fn presented<'k>(headers: &HeaderMap, keys: &'k Keys) -> Result<&'k Entry, &'static str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or("this request needs an API key")?;
    if given.next().is_some() {
        return Err("the request has several Authorization headers");
    }
    let (scheme, shown) =
        header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(NEITHER)?;
    // RFC 9110, 11.4: one space or more.
    let shown = shown.trim_start_matches(' ');
    let shown = match scheme {
        _ if scheme.eq_ignore_ascii_case("bearer") => Cow::Borrowed(shown),
        _ if scheme.eq_ignore_ascii_case("basic") => Cow::Owned(user_name(shown).ok_or(NEITHER)?),
        _ => return Err(NEITHER),
    };
    Key::parse(&shown).and_then(|key| keys.check(&key)).ok_or(UNKNOWN)
}

/// Returns the user name of RFC 7617's base64 of `name:password`.
fn user_name(shown: &str) -> Option<String> {
    let mut pair = String::from_utf8(STANDARD.decode_to_vec(shown).ok()?).ok()?;
    pair.truncate(pair.find(':')?);
    Some(pair)
}
