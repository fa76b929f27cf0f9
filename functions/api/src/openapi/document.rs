//! `GET /openapi.json`: OpenAPI 3.1, from the annotations of the handlers, the lists of the models
//! and the documents of the plugins.

use axum::{extract::State, http::header, response::IntoResponse};
use bytes::Bytes;
use serde_json::{Value, json};
use weir_http::Needs;
use weir_model::{Models, listing::Listing};
use weir_plugin::Plugins;

use super::{
    examples::EXAMPLES,
    listed::{element, filter},
};

/// The serialized document.
#[derive(Clone)]
pub(crate) struct Document(Bytes);

/// Answers with the document.
pub(crate) async fn document(State(document): State<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0)
}

/// The problems that every route may answer, by status.
const PROBLEMS: [(&str, &str); 6] = [
    ("400", "A parameter is wrong, or this route does not have it."),
    ("404", "It does not exist."),
    ("413", "The request or the answer is too large."),
    (
        "500",
        "The request failed. The server's log has the reason, with the x-request-id of the answer.",
    ),
    (
        "503",
        "The database does not answer, or the server has too many requests. Try again after the \
            time in Retry-After.",
    ),
    ("405", "The route exists only with other methods: see the header Allow."),
];

impl Document {
    /// Combines the document of the annotated routes with the lists of the models and the routes of
    /// the plugins.
    pub(crate) fn new(
        mut document: Value,
        needs: &Needs,
        models: &Models,
        plugins: &Plugins,
        version: &str,
    ) -> Self {
        document["info"] = json!({
            "title": "Weir",
            "version": version,
            "description": "Weir stores records of Kafka in PostgreSQL, exactly once in effect. \
                Errors are `application/problem+json`. Lists answer `Link: rel=\"next\"`; with \
                `Accept: application/x-ndjson` or `text/csv` they stream all rows.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        });
        for model in models.iter().filter(|model| model.name() != "events") {
            if let Some(listing) = model.listing() {
                document["paths"][["/v1/", model.name()].concat()] =
                    json!({"get": list(model.name(), &listing)});
            }
        }
        for plugin in plugins.api() {
            if let Value::Object(paths) = plugin.openapi() {
                for (path, item) in paths {
                    document["paths"]
                        [["/plugins/", plugin.name(), path.trim_end_matches('/')].concat()] = item;
                }
            }
        }
        document["components"]["securitySchemes"] = json!({
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer weir_…`"},
            "basic": {"type": "http", "scheme": "basic", "description": "An API key as the user name; the password is ignored."},
        });
        for schema in document["components"]["schemas"]
            .as_object_mut()
            .into_iter()
            .flat_map(|all| all.values_mut())
        {
            // A map with any names has its own additionalProperties.
            if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
                schema["additionalProperties"] = false.into();
            }
        }
        if let Some(paths) = document["paths"].as_object_mut() {
            for (path, item) in &mut *paths {
                for (method, operation) in item.as_object_mut().into_iter().flatten() {
                    finish(needs, path, method, operation);
                }
            }
            // OpenAPI has no parameter that takes slashes. The route also takes them as `%2F`.
            let wildcards: Vec<String> =
                paths.keys().filter(|path| path.contains("{*")).cloned().collect();
            for path in wildcards {
                if let Some(item) = paths.remove(&path) {
                    paths.insert(path.replace("{*", "{"), item);
                }
            }
        }
        Self(document.to_string().into())
    }
}

/// Adds the parts that all operations share: scope, problems, and the formats of lists.
fn finish(needs: &Needs, path: &str, method: &str, operation: &mut Value) {
    let method =
        axum::http::Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap_or_default();
    let need = needs.of(&method, path);
    let Value::Object(operation) = operation else { return };
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let example = EXAMPLES
        .iter()
        .find(|(name, ..)| *name == id)
        .and_then(|(.., example)| serde_json::from_str::<Value>(example).ok());
    let content = operation
        .get_mut("responses")
        .and_then(|all| all.get_mut("200"))
        .and_then(|answer| answer.get_mut("content"));
    if let (Some(example), Some(Value::Object(content))) = (example, content) {
        for media in content.values_mut() {
            media["example"] = example.clone();
        }
    }
    operation.remove("security");
    if let Some(scope) = need.scope() {
        operation.insert("security".into(), json!([{"bearer": []}, {"basic": []}]));
        let about = format!("Needs the scope `{scope}`.");
        let before = operation.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = [before, &about]
            .iter()
            .filter(|text| !text.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("\n\n");
        operation.insert("description".into(), about.into());
    }
    let problem = |about: &str| json!({"description": about, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    let has_parameters = operation.contains_key("parameters");
    let parameters = operation
        .get("parameters")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_list = parameters.iter().any(|parameter| parameter["name"] == "cursor");
    let Some(Value::Object(responses)) = operation.get_mut("responses") else { return };
    for (status, about) in PROBLEMS {
        let may = match status {
            "400" => has_parameters,
            "404" => path.contains('{'),
            "405" => false,
            _ => true,
        };
        if may && need.scope().is_some() && !responses.contains_key(status) {
            responses.insert(status.into(), problem(about));
        }
    }
    if let Some(scope) = need.scope() {
        responses.insert("401".into(), problem("The request has no API key, or an unknown one."));
        responses.insert(
            "403".into(),
            problem(&format!("The API key does not have the scope {scope}.")),
        );
    }
    if !is_list {
        return;
    }
    let Some(answer) =
        operation.get_mut("responses").and_then(|responses| responses.get_mut("200"))
    else {
        return;
    };
    answer["content"]["application/x-ndjson"] = json!({"schema": {"type": "string"}});
    answer["content"]["text/csv"] = json!({"schema": {"type": "string"}});
    answer["headers"] = json!({"Link": {"description": "The URL of the next page, `rel=\"next\"`, \
        if a next page exists.", "schema": {"type": "string"}}});
}

/// Describes `GET /v1/{model}`.
fn list(name: &str, listing: &Listing) -> Value {
    let page = [
        (
            "limit",
            json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": 1000}),
            "The most elements of a page; the default is 20. As NDJSON or CSV the default is all \
                elements.",
        ),
        (
            "offset",
            json!({"type": "integer", "format": "int64", "minimum": 0}),
            "The number of elements to leave out at the beginning. It cannot be combined with a \
                cursor.",
        ),
        (
            "cursor",
            json!({"type": "string"}),
            "The end of the previous page, taken from its `Link` header.",
        ),
    ];
    let filters = listing.filters.iter().map(|one| (one.name, json!(filter(one.kind)), one.about));
    let parameters: Vec<Value> = page
        .into_iter()
        .chain(filters)
        .map(|(name, schema, about)| json!({"name": name, "in": "query", "required": false, "description": about, "schema": schema}))
        .collect();
    let element = element(listing.columns.iter().map(|column| (column.name, column))).build();
    json!({
        "tags": ["models"],
        "summary": format!("Rows of {name}, newest first."),
        "operationId": format!("list_{name}"),
        "parameters": parameters,
        "responses": {"200": {"description": "A page.", "content": {"application/json": {"schema": {"type": "array", "items": element}}}}},
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use serde_json::Value;

    use crate::testing::{ApiWorld, filled};

    #[tokio::test]
    async fn it_says_what_each_operation_is_and_needs() {
        let world = ApiWorld::without_database();
        let answer = world.get("/openapi.json").await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        let document = answer.json();
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        let mut ids = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no id"));
                assert!(!ids.contains(&id), "{id} is sent twice");
                ids.push(id);
                assert!(
                    operation["summary"].as_str().is_some_and(|s| !s.is_empty()),
                    "{id} has no summary"
                );
                let ok = &operation["responses"]["200"];
                assert!(ok["description"].is_string(), "{id}");
                let json = &ok["content"]["application/json"];
                assert!(
                    json.is_null() || json.get("example").is_some() || id == "failures_retry",
                    "{id} has no example"
                );
            }
        }
    }

    /// The examples have exactly the members that the schemas describe, and every schema of a body
    /// has a name.
    #[tokio::test]
    async fn a_body_is_described_with_the_members_that_it_has() {
        let document = ApiWorld::without_database().get("/openapi.json").await.json();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let named = |schema: &Value| {
            schema["$ref"].as_str().and_then(|name| schemas.get(name.rsplit('/').next()?)).cloned()
        };
        let mut described = 0;
        for operation in document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
        {
            let body = &operation["responses"]["200"]["content"]["application/json"];
            let (schema, example) = match &body["schema"]["items"] {
                Value::Null => (&body["schema"], &body["example"]),
                items => (items, &body["example"][0]),
            };
            let schema = named(schema).unwrap_or_else(|| schema.clone());
            let (Some(properties), Some(example)) =
                (schema["properties"].as_object(), example.as_object())
            else {
                continue;
            };
            let missing: Vec<&String> =
                example.keys().filter(|member| !properties.contains_key(*member)).collect();
            assert!(
                missing.is_empty(),
                "{} does not describe {missing:?}",
                operation["operationId"]
            );
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let absent: Vec<&&str> =
                required.iter().filter(|member| !example.contains_key(**member)).collect();
            assert!(absent.is_empty(), "{} requires {absent:?}", operation["operationId"]);
            described += 1;
        }
        assert!(described > 15, "{described}");
        for (name, schema) in schemas {
            let has_members = schema.get("properties").is_some()
                || schema.get("additionalProperties") != Some(&false.into());
            assert!(has_members || name == "Nothing", "{name} has no members");
        }
    }

    /// A route that is missing in the document would still answer with another status than 404 or
    /// 405.
    #[tokio::test]
    async fn every_route_is_in_it_and_everything_in_it_is_a_route() {
        let world = ApiWorld::without_database();
        let document = world.get("/openapi.json").await.json();
        for (path, item) in document["paths"].as_object().unwrap() {
            let path = filled(path);
            let item: Vec<Method> = item
                .as_object()
                .unwrap()
                .keys()
                .map(|m| m.to_ascii_uppercase().parse().unwrap())
                .collect();
            let allowed = world.ask(Method::from_bytes(b"PROPFIND").unwrap(), &path).await;
            allowed.is_problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
            let mut allowed: Vec<Method> = allowed.headers["allow"]
                .to_str()
                .unwrap()
                .split(',')
                .map(|m| m.trim().parse().unwrap())
                .collect();
            allowed.retain(|method| *method != Method::HEAD);
            allowed.sort_by_key(ToString::to_string);
            assert_eq!(
                allowed,
                {
                    let mut item = item;
                    item.sort_by_key(ToString::to_string);
                    item
                },
                "{path}"
            );
        }
    }
}
