//! Before a route: the key that the request shows, and whether it is good for this.

use std::borrow::Cow;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64_simd::STANDARD;

use super::{Access, Denied, Entry, Key, KeyName, Keys, Need, Needs, Scope, local};

const NEITHER: &str = "the Authorization header is neither Bearer nor Basic with a key";
const UNKNOWN: &str = "this API key is not known";

/// Lets a request through that may do what its method and route declare in `needs`.
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

/// Lets a request through that may do what needs this scope. Otherwise it answers 401
/// `UNAUTHORIZED` or 403 `FORBIDDEN`. Whose key it was is in the extensions of request and
/// response, as [`KeyName`].
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
    /// Whose key a request with these headers shows, when it is good for this; none where no key is
    /// asked for.
    pub async fn permits(
        &self,
        headers: &HeaderMap,
        needed: Scope,
    ) -> Result<Option<KeyName>, Denied> {
        let source = match self {
            Self::Keys(source) => source,
            // A page in the browser of whoever runs this must not reach it.
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

/// Whose key the request shows. One header with nothing but it: what two parties could read
/// differently is refused.
fn presented<'k>(headers: &HeaderMap, keys: &'k Keys) -> Result<&'k Entry, &'static str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or("this needs an API key")?;
    if given.next().is_some() {
        return Err("there are several Authorization headers");
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

/// RFC 7617: base64 of `name:password`.
fn user_name(shown: &str) -> Option<String> {
    let mut pair = String::from_utf8(STANDARD.decode_to_vec(shown).ok()?).ok()?;
    pair.truncate(pair.find(':')?);
    Some(pair)
}
