//! Before a route: the key that the request shows, and whether it is good for this.

use std::borrow::Cow;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64_simd::STANDARD;

use super::{Access, Entry, Key, KeyName, Keys, Need, Scope, local};
use crate::{ApiError, Dumps, dumps::PublicOnly};

const NEITHER: &str = "the Authorization header is neither Bearer nor Basic with a key";
const UNKNOWN: &str = "this API key is not known";

/// [`authorized`] as a layer.
pub(crate) async fn authorize(State(access): State<Access>, request: Request, next: Next) -> Response {
    authorized(&access, None, request, next).await
}

/// Before every route: lets a request through that may do what its method and route [`Need`]. Otherwise it answers 401
/// `UNAUTHORIZED` or 403 `FORBIDDEN`. Whose key it was is in the extensions of request and response, as
/// [`KeyName`](super::KeyName).
///
/// Dumps that are public need no key.
pub(crate) async fn authorized(access: &Access, dumps: Option<&Dumps>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let Need::Scope(needed) = Need::of(request.method(), route) else { return next.run(request).await };
    // Without keys there is nothing to open, and foreign pages are refused all the same.
    if let (Access::Keys(_), Some(dumps)) = (access, dumps) {
        match public(&request, dumps) {
            Public::File => return next.run(request).await,
            Public::List => {
                request.extensions_mut().insert(PublicOnly);
                return next.run(request).await;
            }
            Public::No => {}
        }
    }
    let name = match access.permits(request.headers(), needed).await {
        Ok(Some(name)) => name,
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(name.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(name);
    response
}

impl Access {
    /// Whose key a request with these headers shows, when it is good for this; none where no key is asked for.
    pub async fn permits(&self, headers: &HeaderMap, needed: Scope) -> Result<Option<KeyName>, ApiError> {
        let source = match self {
            Self::Keys(source) => source,
            // A page in the browser of whoever runs this must not reach it.
            Self::Open if local::is_foreign(headers) => return Err(ApiError::Foreign),
            Self::Open | Self::Iam => return Ok(None),
        };
        let keys = source.keys().await;
        let Entry { name, scopes, .. } = presented(headers, &keys).map_err(|fault| ApiError::Unauthorized { fault })?.clone();
        if scopes.allows(needed) { Ok(Some(name)) } else { Err(ApiError::Forbidden { name, has: scopes, needed }) }
    }
}

/// What of public dumps a request asks for.
enum Public {
    No,
    /// Who shows no key sees the public ones in the list.
    List,
    File,
}

fn public(request: &Request, dumps: &Dumps) -> Public {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || dumps.public().is_empty() {
        return Public::No;
    }
    match route {
        "/dumps" if !request.headers().contains_key(AUTHORIZATION) => Public::List,
        // Names of models need no percent signs, so one with them is none of these.
        route if route.starts_with("/dumps/{model}/") => {
            let model = request.uri().path().split('/').nth(2).unwrap_or_default();
            if dumps.is_public(model) { Public::File } else { Public::No }
        }
        _ => Public::No,
    }
}

/// Whose key the request shows. One header with nothing but it: what two parties could read differently is refused.
fn presented<'k>(headers: &HeaderMap, keys: &'k Keys) -> Result<&'k Entry, &'static str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or("this needs an API key")?;
    if given.next().is_some() {
        return Err("there are several Authorization headers");
    }
    let (scheme, shown) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(NEITHER)?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, body::Body, http::StatusCode};
    use tower::ServiceExt;
    use weir_plugin::{ApiPlugin, Plugin, PluginsConfig};
    use weir_store::Store;

    use super::*;
    use crate::{
        ApiLimits, ApiState, Reader, router,
        world::{Answer, Nothing, World, keys, writer},
    };

    const READER: u8 = 1;
    const WRITER: u8 = 2;
    const ADMIN: u8 = 3;
    const STRANGER: u8 = 9;

    fn key(n: u8) -> String {
        Key::new([n; 32]).reveal().to_owned()
    }

    fn bearer(n: u8) -> String {
        format!("Bearer {}", key(n))
    }

    fn basic(text: impl AsRef<[u8]>) -> String {
        format!("Basic {}", STANDARD.encode_to_string(text.as_ref()))
    }

    async fn access() -> Access {
        keys(&[("reader", "read", READER), ("writer", "write", WRITER), ("root", "admin", ADMIN)]).await
    }

    async fn ask(world: &World, path: &str, authorization: &[&str]) -> Answer {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        world.ask_with(Method::GET, path, &headers).await
    }

    fn assert_challenged(answer: &Answer) {
        answer.is_problem(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#]);
    }

    #[tokio::test]
    async fn a_key_is_shown_as_bearer_or_as_the_user_name_of_basic() {
        let world = World::new().await.with_access(access().await);
        let good = [
            bearer(READER),
            bearer(ADMIN),
            format!("bEARER   {}", key(READER)),
            basic(key(READER) + ":"),
            basic(key(READER) + ":any:thing"),
            basic([key(READER).as_bytes(), ":\u{e4}".as_bytes()].concat()),
            basic(key(READER) + ":x").replace("Basic", "basic"),
        ];
        for shown in &good {
            assert_eq!(ask(&world, "/build", &[shown]).await.status, StatusCode::OK, "{shown}");
        }
    }

    #[tokio::test]
    async fn every_route_asks_but_those_that_say_nothing() {
        let world = World::new().await.with_access(access().await);
        for path in [
            "/build",
            "/build/",
            "/build/5a3b9c00-0000-4000-8000-000000000001",
            "/v1/events",
            "/v1/failures",
            "/plugins/daily_totals",
            "/plugins/daily_totals/",
        ] {
            assert_challenged(&ask(&world, path, &[]).await);
            let with_key = ask(&world, path, &[&bearer(READER)]).await;
            assert!(matches!(with_key.status, StatusCode::OK | StatusCode::NOT_FOUND), "{path} {}", with_key.status);
            for method in [Method::HEAD, Method::POST] {
                assert_eq!(world.ask(method, path).await.status, StatusCode::UNAUTHORIZED, "{path}");
            }
        }
        for path in ["/", "/ping", "/healthz"] {
            assert_eq!(ask(&world, path, &[]).await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(ask(&world, "/nowhere", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ask(&world, "/v1/events", &[]).await.json()["error"], true);
    }

    /// A plugin that answers whatever is asked.
    struct Eager;

    impl ApiPlugin for Eager {
        fn name(&self) -> &'static str {
            "eager"
        }
        fn routes(&self, _: Store) -> Router {
            Router::new().fallback(async || "all that I know")
        }
    }

    #[tokio::test]
    async fn a_plugin_has_no_way_around_it() {
        let store = World::without_database().store();
        let writer = writer(store.clone(), "weir");
        let state = ApiState::new(writer, Reader::new(store), access().await, ApiLimits::default(), Arc::new(Nothing), "1");
        let on = PluginsConfig { plugins: vec!["eager".into()], ..PluginsConfig::default() };
        let plugins = weir_plugin::builtin().with(Plugin::new("eager").api(Eager)).switched_on(&on).unwrap();
        for (path, shown) in [("/plugins/eager", READER), ("/plugins/eager/x/y", READER), ("/plugins/eager/x", STRANGER)] {
            let request = Request::get(path).header("authorization", bearer(shown)).body(Body::empty()).unwrap();
            let status = router(state.clone(), &plugins).oneshot(request).await.unwrap().status();
            assert_eq!(status == StatusCode::OK, shown == READER, "{path} {status}");
        }
    }

    #[tokio::test]
    async fn what_is_no_known_key_is_refused() {
        let world = World::without_database().with_access(access().await);
        let good = bearer(READER);
        let padded = basic(key(READER) + ":x");
        let unpadded = padded.strip_suffix('=').unwrap();
        let cases: &[&[&str]] = &[
            &[&bearer(STRANGER)],
            &[&good, &good],
            &[&good, &bearer(STRANGER)],
            &[&key(READER)],
            &[&format!("Bearer{}", key(READER))],
            &[&format!("Bearer\t{}", key(READER))],
            &[&format!("{good},")],
            &[&format!("{good} x")],
            &[&format!("{good}, {good}")],
            &[&format!("Bearer {good}")],
            &[&format!("Bearer \"{}\"", key(READER))],
            &[&format!("Bearer {}", key(READER).to_lowercase())],
            &[&format!("Token {}", key(READER))],
            &[&good.replace("Bearer", "Basic")],
            &["Bearer", ""],
            &["Bearer "],
            &[""],
            &["Basic"],
            &["Basic ="],
            &[&basic(key(READER))],
            &[&basic(key(STRANGER) + ":")],
            &[&basic(format!("user:{}", key(READER)))],
            &[&basic(format!("{} :", key(READER)))],
            &[&basic([key(READER).as_bytes(), b":\xff"].concat())],
            &[unpadded],
            &["Bearer weir_\u{e4}"],
        ];
        for shown in cases {
            let answer = ask(&world, "/build", shown).await;
            assert_challenged(&answer);
            assert!(!answer.text().contains("weir_"), "{}", answer.text());
        }
    }

    #[tokio::test]
    async fn a_key_without_the_scope_is_told_which_is_needed() {
        let world = World::without_database().with_access(access().await);
        let answer = ask(&world, "/build", &[&bearer(WRITER)]).await;
        answer.is_problem(StatusCode::FORBIDDEN, "FORBIDDEN");
        assert_eq!(answer.json()["detail"], "this needs the scope read, and the key writer has write");
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
}
