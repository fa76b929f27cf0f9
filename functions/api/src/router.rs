//! The table of routes, and what every request goes through.

use axum::{
    Router,
    extract::State,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use tower::service_fn;
use utoipa_axum::{router::OpenApiRouter, routes};
use weir_plugin::Plugins;

use crate::{
    Access, ApiState, access, builds, cdevents,
    docs::{self, Document},
    dumps, events, failures, health, home,
    list::Asked,
    middleware::{self, Door},
    models, ping, readings,
};

/// The whole API. A program that serves more than this merges its routes with [`routes`] and
/// [`finish`]es the result.
pub fn router(state: ApiState, plugins: &Plugins) -> Router {
    finish(routes(state, plugins))
}

/// The table of routes. Each one's method and path stand in the annotation of its handler.
fn annotated() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(home::home))
        .routes(routes!(ping::ping))
        .routes(routes!(health::healthz))
        .routes(routes!(builds::list::list))
        .routes(routes!(builds::get::get))
        .routes(routes!(builds::disk_usage::disk_usage))
        .routes(routes!(builds::events::events))
        .routes(routes!(builds::projects::projects))
        .routes(routes!(builds::project_builds::project_builds))
        .routes(routes!(builds::project_disk_usage::project_disk_usage))
        .routes(routes!(readings::latest::latest))
        .routes(routes!(readings::sensor_day::sensor_day))
        .routes(routes!(readings::location::location))
        .routes(routes!(readings::status::status))
        .routes(routes!(events::list::list))
        .routes(routes!(events::get::get))
        .routes(routes!(events::retry::retry))
        .routes(routes!(failures::list::list))
        .routes(routes!(failures::count::count))
        .routes(routes!(failures::retry_many::retry_many))
        .routes(routes!(failures::get::get, failures::discard::discard))
        .routes(routes!(failures::retry::retry))
        .routes(routes!(models::all::all))
        .routes(routes!(dumps::list::list))
        .routes(routes!(dumps::day::day))
        .routes(routes!(dumps::file::file))
        .routes(routes!(dumps::file::topic_file))
        .routes(routes!(cdevents::get::get))
        .routes(routes!(cdevents::subjects::list))
        .routes(routes!(cdevents::subject::get))
        .routes(routes!(cdevents::deployments::list))
        .routes(routes!(cdevents::dora::dora))
}

/// The routes alone.
pub fn routes(state: ApiState, plugins: &Plugins) -> Router {
    table(state, plugins, None)
}

/// The routes, and others beside them: behind the same keys and in the same document. The API's limits of time and
/// length are not theirs.
pub fn routes_beside(state: ApiState, plugins: &Plugins, others: OpenApiRouter) -> Router {
    table(state, plugins, Some(others))
}

fn table(state: ApiState, plugins: &Plugins, others: Option<OpenApiRouter>) -> Router {
    let others = others.map(OpenApiRouter::split_for_parts);
    let store = state.store().clone();
    let enter = from_fn_with_state(Door::new(state.access.clone(), state.dumps.clone(), state.limits.clone()), middleware::enter);
    let (mut own, mut annotated) = annotated().split_for_parts();
    docs::texts::describe(&mut annotated);
    // `events` is the log itself.
    for model in state.writer.models().iter().filter(|model| model.name() != "events") {
        let (name, listing) = (model.name(), model.listing());
        let list = async move |State(state): State<ApiState>, asked: Asked| models::list::list(&state, name, listing, asked).await;
        own = own.route(&["/v1/", name].concat(), get(list));
    }
    let others = others.map(|(others, beside)| {
        annotated.merge(beside);
        guarded_and_noted(state.access.clone(), others)
    });
    let document = Document::new(&annotated, state.writer.models(), plugins, state.version);
    let docs = Router::new()
        .route("/docs", get(docs::index))
        .route("/docs/", get(docs::file))
        .route("/docs/{*file}", get(docs::file))
        .route("/openapi.json", get(docs::document))
        .with_state(document);
    let own = own.with_state(state).merge(docs).route_layer(enter.clone());
    let mount = |router: Router, plugin: &dyn weir_plugin::ApiPlugin| {
        // No `route_layer`: it would leave out a fallback that the plugin brings.
        router.nest(&["/plugins/", plugin.name()].concat(), plugin.routes(store.clone()).layer(enter.clone()))
    };
    plugins.api().iter().fold(own, |router, plugin| mount(router, plugin.as_ref())).merge(others.unwrap_or_default())
}

/// A program's own routes, behind the same keys: GET needs the scope `read`, what collects events `write`, everything else
/// `admin`.
pub fn guarded(access: Access, routes: Router) -> Router {
    routes.route_layer(from_fn_with_state(access, access::authorize))
}

/// The same, and each answer says which route it is from, for who counts them.
pub fn guarded_and_noted(access: Access, routes: Router) -> Router {
    guarded(access, routes).route_layer(from_fn(middleware::note_route))
}

/// Puts around the routes what every request goes through: the trailing slash, the problem of whatever went wrong,
/// compression, the request's id and its line in the log.
pub fn finish(routes: Router) -> Router {
    // As the fallback of an empty router, the routes are looked up after their front had the request.
    Router::new().fallback_service(service_fn(move |request| middleware::front(routes.clone(), request)))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::http::{Method, StatusCode};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use crate::world::World;

    #[tokio::test]
    async fn an_unknown_path_is_a_problem() {
        let answer = World::new().await.get("/nowhere?x=1").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        assert_eq!(answer.json()["type"], "about:blank");
        assert_eq!(answer.json()["title"], "Not Found");
        assert!(answer.json().get("error").is_none());
    }

    #[tokio::test]
    async fn below_v1_a_problem_also_says_it_as_phobos_did() {
        let answer = World::new().await.get("/v1/nothing").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        assert_eq!(answer.json()["error"], true);
        assert_eq!(answer.json()["message"], answer.json()["detail"]);
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let world = World::new().await;
        for path in ["/", "/build", "/build/5a3b9c00-0000-4000-8000-000000000001", "/v1/events", "/healthz/", "/plugins/daily_totals"] {
            let answer = world.ask(Method::POST, path).await;
            answer.is_problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
            assert_eq!(answer.headers["allow"], "GET,HEAD", "{path}");
        }
    }

    #[tokio::test]
    async fn head_is_there_where_get_is_and_has_no_body() {
        let world = World::new().await;
        for path in ["/", "/ping", "/healthz", "/build", "/v1/events", "/v1/failures", "/plugins/daily_totals"] {
            let answer = world.ask(Method::HEAD, path).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0), "{path}");
        }
        let missing = world.ask(Method::HEAD, "/nowhere").await;
        assert_eq!((missing.status, missing.body.len()), (StatusCode::NOT_FOUND, 0));
        assert_eq!(missing.headers["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn a_trailing_slash_is_tolerated() {
        let world = World::new().await;
        for path in ["/ping/", "/build/", "/v1/events/?limit=1", "/v1/failures//", "/plugins/daily_totals/"] {
            assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
        }
    }

    #[tokio::test]
    async fn a_plugins_faults_are_problems_too() {
        let answer = World::new().await.get("/plugins/daily_totals?limit=many").await;
        answer.is_problem(StatusCode::BAD_REQUEST, "BAD_REQUEST");
        assert!(answer.json()["detail"].as_str().is_some_and(|d| d.contains("limit")), "{:?}", answer.json());
        let answer = World::new().await.get("/plugins/daily_totals/nothing").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
    }

    #[tokio::test]
    async fn hostile_requests_are_the_clients_fault() {
        let world = World::new().await;
        let long = ["/", &"x".repeat(8000)].concat();
        for path in [
            "/%ff%fe",
            "/build/%ff",
            "/build/%00",
            "/build/..%2f..%2fetc",
            "/v1/events?topic=%00",
            "/v1/events?limit=%ff",
            "/v1/events?'%3B--=1",
            &long,
        ] {
            let answer = world.get(path).await;
            assert!(answer.status.is_client_error(), "{path} {}", answer.status);
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        }
        let injected = world.get("/v1/events?topic=x'%3B%20DROP%20TABLE%20events%3B--&entity_id=%ff").await;
        assert_eq!((injected.status, injected.text()), (StatusCode::OK, "[]"));
    }

    /// An answer to HEAD that carried its body would be taken for the answer to the next request.
    #[tokio::test]
    async fn over_a_socket_head_leaves_the_connection_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = World::without_database().app().into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        let mut socket = TcpStream::connect(address).await.expect("connects");
        let requests = b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(requests).await.expect("sent");
        let mut answers = String::new();
        socket.read_to_string(&mut answers).await.expect("answered");
        server.abort();
        let (head, rest) = answers.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 404") && head.contains("content-length: "), "{head}");
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\nPONG"), "{rest}");
    }
}
