//! The table of routes, with the checks of each route.

use axum::{Router, extract::State, middleware::from_fn_with_state, routing::get};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use weir_http::{Needs, RouteGuard, RoutePaths, finish, guard_and_note};
use weir_model::Models;
use weir_plugin::{ApiPlugin, Plugins};

use crate::{
    ApiState,
    list::ListRequest,
    openapi::{self, Document},
    routes::{builds, cdevents, dumps, events, failures, health, home, models, ping, readings},
};

/// Returns the router of the whole API with the models of the state's writer. A program with more
/// routes uses a [`RouteTable`] and calls [`finish`] for all routes together.
pub fn router(state: ApiState, plugins: &Plugins) -> Result<Router, String> {
    Ok(finish(RouteTable::new(state.writer.models())?.routes(state, plugins, None)))
}

/// The routes and their annotations, without a state.
pub struct RouteTable {
    own: Router<ApiState>,
    /// The routes of dumps, which check access themselves.
    dumps: Router<ApiState>,
    declared: OpenApi,
}

impl RouteTable {
    /// Returns Weir's own routes and the list of each model. Fails when a model has the name of a
    /// route below `/v1`.
    pub fn new(models: &Models) -> Result<Self, String> {
        let (mut own, mut declared) = annotated().split_for_parts();
        let (dumps, declared_dumps) = annotated_dumps().split_for_parts();
        declared.merge(declared_dumps);
        openapi::describe_texts(&mut declared);
        // `/v1/events` is the list of the log.
        for model in models.iter().filter(|model| model.name() != "events") {
            let (name, listing) = (model.name(), model.listing());
            let path = ["/v1/", name].concat();
            if declared.paths.paths.contains_key(&path) {
                return Err(format!(
                    "model {name} has the same name as the route {path}: give the model another \
                        name"
                ));
            }
            let list = async move |State(state): State<ApiState>, asked: ListRequest| {
                models::list::list(&state, name, listing, asked).await
            };
            own = own.route(&path, get(list));
        }
        Ok(Self { own, dumps, declared })
    }

    /// Returns the paths of the routes.
    pub fn paths(&self) -> RoutePaths {
        RoutePaths::declared(&serde_json::to_value(&self.declared).unwrap_or_default())
    }

    /// Returns the routes, the routes of plugins, and the routes `others`. All need the same keys
    /// and are in the same document. The API's limits of time and length do not apply to `others`.
    pub fn routes(
        mut self,
        state: ApiState,
        plugins: &Plugins,
        others: Option<OpenApiRouter>,
    ) -> Router {
        let others = others.map(|others| {
            let (others, declared) = others.split_for_parts();
            self.declared.merge(declared);
            others
        });
        let document = serde_json::to_value(&self.declared).unwrap_or_default();
        let needs =
            openapi::OPEN.iter().fold(Needs::declared(&document), |needs, path| needs.open(path));
        let others =
            others.map(|others| guard_and_note(state.access.clone(), needs.clone(), others));
        let document =
            Document::new(document, &needs, state.writer.models(), plugins, state.version);
        let guard = RouteGuard::new(state.access.clone(), needs, state.limits.clone());
        let store = state.store().clone();
        let dumps =
            self.dumps.route_layer(from_fn_with_state(state.clone(), dumps::check_or_public));
        let own = guard.before_routes(
            self.own.merge(dumps).with_state(state).merge(openapi::routes(document)),
        );
        let mount = |router: Router, plugin: &dyn ApiPlugin| {
            // The routes of a plugin may have a fallback.
            router.nest(
                &["/plugins/", plugin.name()].concat(),
                guard.before_all(plugin.routes(store.clone())),
            )
        };
        plugins
            .api()
            .iter()
            .fold(own, |router, plugin| mount(router, plugin.as_ref()))
            .merge(others.unwrap_or_default())
    }
}

/// Returns the routes except those of dumps. The annotation of each handler contains the method,
/// the path and the scope.
fn annotated() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(home::home))
        .routes(routes!(ping::ping))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
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
        .routes(routes!(failures::summary::summary))
        .routes(routes!(failures::retry_many::retry_many))
        .routes(routes!(failures::get::get, failures::discard::discard))
        .routes(routes!(failures::retry::retry))
        .routes(routes!(models::all::all))
        .routes(routes!(cdevents::get::get))
        .routes(routes!(cdevents::subjects::list))
        .routes(routes!(cdevents::subject::get))
        .routes(routes!(cdevents::deployments::list))
        .routes(routes!(cdevents::dora::dora))
}

/// Returns the routes of dumps.
fn annotated_dumps() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(dumps::list::list))
        .routes(routes!(dumps::day::day))
        .routes(routes!(dumps::file::file))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::http::{Method, StatusCode};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use weir_model::{
        Micros, Model, ProjectionKind, Rows, Topics, events::Events, models, sample::Sample,
    };

    use super::RouteTable;
    use crate::testing::ApiWorld;

    struct Named(&'static str);

    impl Model for Named {
        fn name(&self) -> &'static str {
            self.0
        }
        fn kind(&self) -> ProjectionKind {
            ProjectionKind::Log
        }
        fn rows<'a>(&'a self, topics: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
            Events.rows(topics)
        }
        fn clear(&self) -> Option<&'static str> {
            None
        }
        fn samples(&self, _: Micros) -> Vec<Sample> {
            Vec::new()
        }
    }

    #[test]
    fn a_model_may_not_be_called_as_a_route() {
        assert!(RouteTable::new(&models::builtin()).is_ok());
        for name in ["failures", "models", "dora"] {
            let refused =
                RouteTable::new(&models::builtin().with(Named(name))).err().expect("refused");
            assert!(refused.contains(&["/v1/", name].concat()), "{refused}");
        }
    }

    #[tokio::test]
    async fn an_unknown_path_is_a_problem() {
        let answer = ApiWorld::new().await.get("/nowhere?x=1").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        assert_eq!(answer.json()["type"], "about:blank");
        assert_eq!(answer.json()["title"], "Not Found");
        assert!(answer.json().get("error").is_none());
    }

    #[tokio::test]
    async fn below_v1_a_problem_also_says_it_as_phobos_did() {
        let answer = ApiWorld::new().await.get("/v1/nothing").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        assert_eq!(answer.json()["error"], true);
        assert_eq!(answer.json()["message"], answer.json()["detail"]);
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        let world = ApiWorld::new().await;
        for path in [
            "/",
            "/build",
            "/build/5a3b9c00-0000-4000-8000-000000000001",
            "/v1/events",
            "/healthz/",
            "/plugins/daily_totals",
        ] {
            let answer = world.ask(Method::POST, path).await;
            answer.is_problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
            assert_eq!(answer.headers["allow"], "GET,HEAD", "{path}");
        }
    }

    #[tokio::test]
    async fn head_is_there_where_get_is_and_has_no_body() {
        let world = ApiWorld::new().await;
        for path in [
            "/",
            "/ping",
            "/healthz",
            "/build",
            "/v1/events",
            "/v1/failures",
            "/plugins/daily_totals",
        ] {
            let answer = world.ask(Method::HEAD, path).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0), "{path}");
        }
        let missing = world.ask(Method::HEAD, "/nowhere").await;
        assert_eq!((missing.status, missing.body.len()), (StatusCode::NOT_FOUND, 0));
        assert_eq!(missing.headers["content-type"], "application/problem+json");
    }

    #[tokio::test]
    async fn a_trailing_slash_is_tolerated() {
        let world = ApiWorld::new().await;
        for path in
            ["/ping/", "/build/", "/v1/events/?limit=1", "/v1/failures//", "/plugins/daily_totals/"]
        {
            assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
        }
    }

    #[tokio::test]
    async fn a_plugins_faults_are_problems_too() {
        let answer = ApiWorld::new().await.get("/plugins/daily_totals?limit=many").await;
        answer.is_problem(StatusCode::BAD_REQUEST, "BAD_REQUEST");
        assert!(
            answer.json()["detail"].as_str().is_some_and(|d| d.contains("limit")),
            "{:?}",
            answer.json()
        );
        let answer = ApiWorld::new().await.get("/plugins/daily_totals/nothing").await;
        answer.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
    }

    #[tokio::test]
    async fn hostile_requests_are_the_clients_fault() {
        let world = ApiWorld::new().await;
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
        let injected =
            world.get("/v1/events?topic=x'%3B%20DROP%20TABLE%20events%3B--&entity_id=%ff").await;
        assert_eq!((injected.status, injected.text()), (StatusCode::OK, "[]"));
    }

    /// If an answer to HEAD had a body, the client would take it for the answer to the next
    /// request.
    #[tokio::test]
    async fn over_a_socket_head_leaves_the_connection_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app =
            ApiWorld::without_database().app().into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        let mut socket = TcpStream::connect(address).await.expect("connects");
        let requests = b"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(requests).await.expect("sent");
        let mut answers = String::new();
        socket.read_to_string(&mut answers).await.expect("answered");
        server.abort();
        let (head, rest) = answers.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 404") && head.contains("content-length: "), "{head}");
        assert!(
            rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\nPONG"),
            "{rest}"
        );
    }
}
