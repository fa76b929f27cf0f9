//! Finds the API's own path in an event of API Gateway. A stage or the path of an API mapping may
//! precede it.

use std::str::FromStr;

use lambda_http::{
    LambdaEvent, RequestExt,
    aws_lambda_events::apigw::{ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext},
    request::{
        LambdaRequest,
        RequestContext::{ApiGatewayV1, ApiGatewayV2},
    },
};
use serde_json::Value;

use crate::Prefix;

/// Encodes the path of an HTTP API's event again, before `lambda_http` reads it.
///
/// An HTTP API decodes the path in format 2.0. `lambda_http` pastes it into a URL, so that a
/// decoded `?` or `#` would end the path and hide the query. A character of the query that no URL
/// may contain would end the function.
pub fn prepared(event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    let LambdaEvent { mut payload, context, .. } = event;
    if let LambdaRequest::ApiGatewayV2(http) = &mut payload {
        if is_decoded(&http.request_context) {
            http.raw_path = http
                .raw_path
                .take()
                .map(|path| path.split('%').map(encoded).collect::<Vec<_>>().join("%25"));
        }
        http.raw_query_string = http.raw_query_string.take().map(|query| escaped(&query, b"\"#<>"));
    }
    LambdaEvent::new(payload, context)
}

/// Returns whether the path in format 2.0 was decoded. The URLs of Lambda functions send it as the
/// client wrote it.
fn is_decoded(context: &ApiGatewayV2httpRequestContext) -> bool {
    !context.domain_name.as_deref().is_some_and(|domain| domain.contains(".lambda-url."))
}

/// The paths of the routes.
#[derive(Debug, Clone, Default)]
pub struct RoutePaths(Vec<String>);

impl RoutePaths {
    /// Reads the paths of an OpenAPI document.
    pub fn declared(document: &Value) -> Self {
        Self(
            document["paths"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(path, _)| path.clone())
                .collect(),
        )
    }

    /// Encodes the slashes in a parameter again, which an HTTP API has decoded.
    ///
    /// A path that no route has, because it has too many parts, is the one of the route that agrees
    /// in the most parts. One parameter takes the additional parts.
    fn rejoined(&self, path: &str) -> Option<String> {
        let given: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
        let is_parameter = |part: &str| part.starts_with('{');
        let fits = |(part, given): (&&str, &&str)| {
            if is_parameter(part) { !given.is_empty() } else { part == given }
        };
        let mut best: Option<(usize, String)> = None;
        for route in &self.0 {
            let parts: Vec<&str> = route.split('/').skip(1).collect();
            let Some(more) = given.len().checked_sub(parts.len()) else { continue };
            let takes_more = parts.last().is_some_and(|part| part.starts_with("{*"));
            if (more == 0 || takes_more) && parts.iter().zip(&given).all(fits) {
                return None;
            }
            let literal = parts.iter().filter(|part| !is_parameter(part)).count();
            for (at, _) in
                parts.iter().enumerate().filter(|(_, part)| more > 0 && is_parameter(part))
            {
                let before = parts[..at].iter().zip(&given[..at]).all(fits);
                let after = parts[at + 1..].iter().zip(&given[at + 1 + more..]).all(fits);
                if before && after && best.as_ref().is_none_or(|(most, _)| literal >= *most) {
                    let joined = given[at..=at + more].join("%2F");
                    let all = [&given[..at], &[joined.as_str()], &given[at + 1 + more..]].concat();
                    best = Some((literal, format!("/{}", all.join("/"))));
                }
            }
        }
        best.map(|(_, path)| path)
    }
}

/// The path that clients write before the API's own paths, if the event does not contain it. Empty
/// for no such path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl FromStr for BasePath {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.trim_end_matches('/');
        if !path.is_empty() && (!path.starts_with('/') || encoded(path) != path) {
            return Err("not a path of a URL: give for example /weir");
        }
        Ok(Self(path.to_owned()))
    }
}

/// Returns the path before the API's own path, and the API's own path. Both are encoded as in a
/// URL.
pub(crate) fn split(
    event: &lambda_http::Request,
    BasePath(base_path): &BasePath,
    routes: &RoutePaths,
) -> (Prefix, String) {
    let raw = event.raw_http_path();
    let (prefix, path) = match event.request_context_ref() {
        Some(ApiGatewayV2(context)) => http_api(raw, context),
        Some(ApiGatewayV1(context)) => {
            let proxy =
                event.path_parameters_ref().and_then(|parameters| parameters.first("proxy"));
            rest_api(raw, proxy, context)
        }
        _ => ("", raw),
    };
    let prefix = if base_path.is_empty() { encoded(prefix) } else { base_path.clone() };
    let mut path = encoded(if path.is_empty() { "/" } else { path });
    if matches!(event.request_context_ref(), Some(ApiGatewayV2(context)) if is_decoded(context)) {
        path = routes.rejoined(&path).unwrap_or(path);
    }
    (Prefix(prefix), path)
}

/// Splits a path in format 2.0, which always begins with the stage. It does not contain the path of
/// an API mapping. Source:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn http_api<'a>(raw: &'a str, context: &ApiGatewayV2httpRequestContext) -> (&'a str, &'a str) {
    let (prefix, path) = at_stage(raw, context.stage.as_deref());
    // `<api>.execute-api.<region>.amazonaws.com`. On a custom domain, clients do not write the
    // stage.
    let is_gateways = context
        .domain_name
        .as_deref()
        .is_none_or(|domain| domain.split('.').nth(1) == Some("execute-api"));
    (if is_gateways { prefix } else { "" }, path)
}

/// Splits a path in format 1.0, which is the client's path without the stage. The context contains
/// the whole path. Below an API mapping, the resource's `{proxy+}` is the API's own path.
fn rest_api<'a>(
    raw: &'a str,
    proxy: Option<&str>,
    context: &'a ApiGatewayProxyRequestContext,
) -> (&'a str, &'a str) {
    let whole = context.path.as_deref().unwrap_or(raw);
    let path = match proxy {
        Some(proxy) => below_mapping(raw, proxy),
        None if context.resource_path.as_deref() == Some("/") => "/",
        // An HTTP API in format 1.0.
        None if raw == whole => at_stage(raw, context.stage.as_deref()).1,
        None => raw,
    };
    (whole.strip_suffix(path).unwrap_or_default(), path)
}

/// Splits a path into `/stage` and the rest. A path without the stage is the rest as a whole.
fn at_stage<'a>(raw: &'a str, stage: Option<&str>) -> (&'a str, &'a str) {
    let stage = stage.filter(|stage| *stage != "$default").unwrap_or_default();
    let rest = raw
        .strip_prefix('/')
        .and_then(|raw| raw.strip_prefix(stage))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match rest {
        Some(rest) if !stage.is_empty() => raw.split_at(raw.len() - rest.len()),
        _ => ("", raw),
    }
}

/// Returns the end of the path that matches `{proxy+}`.
fn below_mapping<'a>(raw: &'a str, proxy: &str) -> &'a str {
    let before = raw
        .trim_end_matches('/')
        .strip_suffix(proxy.trim_matches('/'))
        .and_then(|before| before.strip_suffix('/'));
    before.map_or(raw, |before| &raw[before.len()..])
}

/// Encodes a path that API Gateway may have decoded, as in a URL (RFC 3986, 3.3). Encoded
/// characters stay encoded.
fn encoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut url = String::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_encoded =
            || bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match byte {
            b'%' if is_encoded() => url.push('%'),
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(byte) => {
                url.push(char::from(*byte));
            }
            byte => url.extend(["%", &format!("{byte:02X}")]),
        }
    }
    url
}

/// Encodes these characters, and all that are not visible ASCII.
fn escaped(text: &str, these: &[u8]) -> String {
    let encode = |byte: u8| {
        let is_allowed = byte.is_ascii_graphic() && !these.contains(&byte);
        if is_allowed { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;
    use serde_json::json;

    use super::*;

    fn http(stage: &str, domain: &str, path: &str) -> lambda_http::Request {
        let context =
            json!({"stage": stage, "domainName": domain, "http": {"method": "GET", "path": path}});
        from_str(&json!({"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {}, "requestContext": context}).to_string())
            .unwrap()
    }

    /// Without `resource`, the resource path is `/{proxy+}`, and `proxy` is its parameter.
    fn rest(
        stage: &str,
        whole: &str,
        path: &str,
        proxy: Option<&str>,
        resource: Option<&str>,
    ) -> lambda_http::Request {
        let context = json!({"stage": stage, "path": whole, "resourcePath": resource.unwrap_or("/{proxy+}"), "httpMethod": "GET"});
        let parameters = proxy.map(|proxy| json!({"proxy": proxy}));
        from_str(&json!({"path": path, "httpMethod": "GET", "pathParameters": parameters, "requestContext": context}).to_string()).unwrap()
    }

    #[track_caller]
    fn assert_split(event: &lambda_http::Request, prefix: &str, path: &str) {
        assert_eq!(
            split(event, &BasePath::default(), &RoutePaths::default()),
            (Prefix(prefix.into()), path.into())
        );
    }

    const GATEWAYS: &str = "abc.execute-api.eu-central-1.amazonaws.com";

    #[test]
    fn an_http_api_has_the_stage_in_its_path() {
        assert_split(&http("$default", GATEWAYS, "/build"), "", "/build");
        assert_split(&http("prod", GATEWAYS, "/prod/build"), "/prod", "/build");
        assert_split(&http("v1", GATEWAYS, "/v1/v1/events/"), "/v1", "/v1/events/");
        assert_split(&http("prod", GATEWAYS, "/prod"), "/prod", "/");
        assert_split(&http("prod", GATEWAYS, "/prod/"), "/prod", "/");
        assert_split(&http("prod", GATEWAYS, "/production"), "", "/production");
    }

    #[test]
    fn on_a_domain_of_the_users_the_stage_is_nothing_that_a_client_writes() {
        assert_split(&http("prod", "api.example.com", "/prod/build"), "", "/build");
        let base_path = "/weir/".parse().unwrap();
        assert_eq!(
            split(
                &http("prod", "api.example.com", "/prod/build"),
                &base_path,
                &RoutePaths::default()
            ),
            (Prefix("/weir".into()), "/build".into())
        );
    }

    #[test]
    fn a_rest_api_also_has_the_whole_path() {
        assert_split(
            &rest("prod", "/prod/build", "/build", Some("build"), None),
            "/prod",
            "/build",
        );
        assert_split(
            &rest("prod", "/prod/build", "/build", None, Some("/build")),
            "/prod",
            "/build",
        );
        // The stage has the same name as a route.
        assert_split(
            &rest("build", "/build/build/1", "/build/1", None, Some("/build/{id}")),
            "/build",
            "/build/1",
        );
        assert_split(
            &rest("v1", "/v1/events", "/v1/events", Some("v1/events"), None),
            "",
            "/v1/events",
        );
        assert_split(
            &rest("prod", "/prod/build/", "/build/", Some("build"), None),
            "/prod",
            "/build/",
        );
        // Below an API mapping with the path `weir`, and below a mapping without a path.
        assert_split(
            &rest("prod", "/weir/v1/events", "/weir/v1/events", Some("v1/events"), None),
            "/weir",
            "/v1/events",
        );
        assert_split(&rest("prod", "/weir", "/weir", None, Some("/")), "", "/");
        assert_split(&rest("prod", "/build", "/build", Some("build"), None), "", "/build");
        // An HTTP API in format 1.0, and `sam local`.
        assert_split(
            &rest("prod", "/prod/build", "/prod/build", None, Some("$default")),
            "/prod",
            "/build",
        );
        assert_split(&rest("Prod", "/{proxy+}", "/build", Some("build"), None), "", "/build");
    }

    #[test]
    fn what_was_decoded_is_encoded_again() {
        for (given, expected) in [
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/é?#<", "/%C3%A9%3F%23%3C"),
            ("/%2", "/%252"),
        ] {
            assert_eq!(encoded(given), expected);
        }
        assert_split(
            &rest("prod", "/prod/s/a b", "/s/a b", Some("s/a b"), None),
            "/prod",
            "/s/a%20b",
        );
    }

    #[test]
    fn a_parameter_keeps_its_slashes() {
        let document = json!({"paths": {"/build": {}, "/build/{build}": {}, "/build/{build}/events": {}, "/v1/subjects/{kind}/{id}": {}, "/dumps/{model}/{day}": {}, "/dumps/{model}/{day}/{*file}": {}}});
        let routes = RoutePaths::declared(&document);
        for (path, rejoined) in [
            ("/build", None),
            ("/build/a", None),
            ("/build/a/", None),
            ("/build/a/events", None),
            ("/build/a/b", Some("/build/a%2Fb")),
            ("/build/a/b/events", Some("/build/a%2Fb/events")),
            ("/build//a", Some("/build/%2Fa")),
            ("/v1/subjects/x", None),
            ("/v1/subjects/x/y/z/events", Some("/v1/subjects/x/y%2Fz%2Fevents")),
            ("/v1/subjects/x//y", Some("/v1/subjects/x/%2Fy")),
            ("/dumps/m/d", None),
            ("/dumps/m/d/parquet/dt=d/part-0", None),
            ("/other/a/b", None),
            ("/", None),
        ] {
            assert_eq!(routes.rejoined(path).as_deref(), rejoined, "{path}");
        }
    }

    #[test]
    fn a_base_path_is_a_path() {
        for (text, path) in [("", ""), ("/", ""), ("/weir/", "/weir"), ("/a/b", "/a/b")] {
            assert_eq!(text.parse(), Ok(BasePath(path.into())));
        }
        for text in ["weir", "/a b", "/a?b", "https://x", "/>"] {
            assert!(text.parse::<BasePath>().is_err(), "{text}");
        }
    }
}
