//! For tests: a database that a real writer fills, a router that uses it, and the tests of the
//! whole router.

mod access;
mod access_log;
mod contracts;
mod limits;
mod log_lists;
mod paths;
mod read_connection;
mod role;
mod scopes;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
    response::Response,
};
use tower::ServiceExt;
use weir_blob::{BlobUrl, Blobs};
use weir_http::{Access, AccessConfig, Auth, Entry, HttpLimits, Key, ReadConnection, Scopes};
use weir_model::{KafkaBatch, Micros, Models, Topics, TopicsConfig, models};
use weir_plugin::{Plugins, PluginsConfig};
use weir_store::{DatabaseConfig, DatabaseRoles, Store, Writer, migrate};
use weir_testkit::{Database, KafkaEvent, Record, pooler};

use crate::{ApiState, Condition, DatabaseHealth, Dumps, Health, router};

/// The version that the router gets.
pub(crate) const VERSION: &str = "1.2.3";

pub(crate) struct ApiWorld {
    /// Keeps the database until the end of the test.
    database: Option<Database>,
    /// The store that the API reads.
    store: Store,
    /// The store that ingest writes to, which is never behind a pooler.
    direct: Store,
    app: Router,
}

/// An answer with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn store_at(url: &str) -> Store {
    Store::new(&DatabaseConfig { connect_timeout: 20, ..DatabaseConfig::from_url(url) })
        .expect("a store")
}

/// Returns a store that connects through the pooler, when `tests/external/pgbouncer/run` runs the
/// tests.
fn pooled_store_at(url: &str) -> Option<Store> {
    let config = DatabaseConfig {
        connect_timeout: 20,
        pooled: true,
        ..DatabaseConfig::from_url(pooler()?.url(url))
    };
    Some(Store::new(&config).expect("a store"))
}

fn daily_totals() -> Plugins {
    let on = PluginsConfig { plugins: vec!["daily_totals".into()], ..PluginsConfig::default() };
    weir_plugin::builtin().switched_on(&on).expect("known")
}

pub(crate) fn writer(store: Store, group_id: &str) -> Writer {
    let models: Models = models::builtin();
    let config = TopicsConfig {
        topics: "+orders=events".parse().expect("topics"),
        event_fields: vec![
            "orders=entity_id:/id,event_time:/at,event_type:/kind,event_version:/v"
                .parse()
                .expect("fields"),
        ],
        ..TopicsConfig::default()
    };
    let topics = Topics::new(&config, &models).expect("topics");
    Writer::new(store, models, topics, group_id).with_plugins(daily_totals().database())
}

async fn migrated(store: &Store) {
    migrate::run(store, &models::builtin(), &daily_totals().database()).await.expect("migrated");
}

/// Returns keys from a list of name, scopes, and the byte that fills the key.
pub(crate) async fn keys(list: &[(&str, &str, u8)]) -> Access {
    let entry = |(name, scopes, byte): &(&str, &str, u8)| {
        let scopes = Scopes::parse(scopes).expect("scopes");
        format!("{}\n", Entry::new(name.parse().expect("a name"), scopes, &Key::new([*byte; 32])))
    };
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), list.iter().map(entry).collect::<String>()).expect("written");
    let config = AccessConfig {
        api_keys_file: Some(file.path().to_owned()),
        api_keys_secret_arn: None,
        auth: Auth::Keys,
    };
    config.for_function().await.expect("keys")
}

/// Returns dumps of one day: of `readings`, and of the log in the layout of the first version. With
/// `public`, the dumps of `readings` are public.
fn dumps(public: bool) -> Dumps {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = include_str!("../openapi/examples/dumps_day.json");
        let log = manifest
            .replace("\"version\": 2", "\"version\": 1")
            .replace("\"model\": \"readings\"", "\"model\": \"events\"")
            .replace("json/dt=2026-01-02", "topic=readings")
            .replace("\"format\"", "\"topic\": \"readings\", \"format\"");
        for (name, content) in [
            ("_manifests/readings/dt=2026-01-02.json", manifest),
            ("readings/json/dt=2026-01-02/part-00000.json.gz", "no gzip, but a file\n"),
            ("readings/csv/dt=2026-01-02/part-00000.csv.gz", "of an earlier dump"),
            ("readings/json/dt=2026-01-03/part-00000.json.gz", "without a manifest"),
            ("events/dt=2026-01-02/manifest.json", log.as_str()),
            ("events/dt=2026-01-02/topic=readings/part-00000.json.gz", "a topic"),
            ("events/dt=2026-01-03/topic=readings/part-00000.json.gz", "without a manifest"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, content).expect("written");
        }
        folder
    });
    let blobs = Blobs::open(&BlobUrl::File(FOLDER.path().to_owned())).expect("opens");
    let open: Vec<String> = if public { vec!["readings".to_owned()] } else { Vec::new() };
    Dumps::new(Some(blobs), &open)
}

fn app(store: Store, access: Access, limits: HttpLimits) -> Router {
    app_with(store, access, limits, dumps(false))
}

fn app_with(store: Store, access: Access, limits: HttpLimits, dumps: Dumps) -> Router {
    let reader = ReadConnection::new(store.clone());
    let health = Arc::new(DatabaseHealth(reader.clone()));
    let state = ApiState::new(writer(store, "weir"), reader, access, limits, health, VERSION)
        .with_dumps(dumps);
    router(state, &daily_totals()).expect("names that are free")
}

/// Returns a route's path with values for its placeholders.
pub(crate) fn filled(route: &str) -> String {
    const UUID: &str = "5a3b9c00-0000-4000-8000-000000000002";
    let filled = [
        ("{model}/{day}", "readings/2026-01-02"),
        ("{file}", "json/dt=2026-01-02/part-00000.json.gz"),
        ("{sensor}", "speed"),
        ("{date}", "2026-01-02"),
        ("{id}", "a-0-0"),
        ("{build}", UUID),
        ("{project}", UUID),
    ];
    filled.iter().fold(route.to_owned(), |path, (name, value)| path.replace(name, value))
}

impl ApiWorld {
    pub(crate) async fn new() -> Self {
        let setup = async |url: String| {
            migrated(&store_at(&url)).await;
            Ok(())
        };
        let database = Database::create("api", setup).await.expect("a database");
        let direct = store_at(&database.url());
        let store = pooled_store_at(&database.url()).unwrap_or_else(|| direct.clone());
        Self { database: Some(database), direct, ..Self::of(store) }
    }

    /// Uses a database with the roles of the functions. The API has the rights of `weir_api`.
    pub(crate) async fn in_its_role() -> Self {
        let setup = async |url: String| {
            let (models, plugins) = (models::builtin(), daily_totals().database());
            let roles = DatabaseRoles::Password;
            migrate::run_with_roles(&store_at(&url), &models, &plugins, roles).await?;
            Ok(())
        };
        let database = Database::create("api_role", setup).await.expect("a database");
        let direct = store_at(&database.url());
        let store = store_at(&format!("{}?options=-c%20role%3Dweir_api", database.url()));
        Self { database: Some(database), direct, ..Self::of(store) }
    }

    /// Uses an existing empty database.
    pub(crate) async fn over(store: Store) -> Self {
        migrated(&store).await;
        Self::of(store)
    }

    /// Uses a database that never answers.
    pub(crate) fn without_database() -> Self {
        Self::of(store_at("postgresql://nobody:nothing@127.0.0.1:1/none"))
    }

    /// Changes the required access.
    pub(crate) fn with_access(self, access: Access) -> Self {
        Self { app: app(self.store.clone(), access, HttpLimits::default()), ..self }
    }

    /// Removes the destination of dumps.
    pub(crate) fn without_dumps(self) -> Self {
        Self {
            app: app_with(
                self.store.clone(),
                Access::Open,
                HttpLimits::default(),
                Dumps::default(),
            ),
            ..self
        }
    }

    /// Changes the required access and makes the dumps of readings public.
    pub(crate) fn with_public_dumps(self, access: Access) -> Self {
        Self {
            app: app_with(self.store.clone(), access, HttpLimits::default(), dumps(true)),
            ..self
        }
    }

    /// Changes the maximum length of answers.
    pub(crate) fn with_response_bytes_max(self, bytes_max: usize) -> Self {
        let limits = HttpLimits { response_bytes_max: Some(bytes_max), ..HttpLimits::default() };
        Self { app: app(self.store.clone(), Access::Open, limits), ..self }
    }

    fn of(store: Store) -> Self {
        Self {
            database: None,
            app: app(store.clone(), Access::Open, HttpLimits::default()),
            direct: store.clone(),
            store,
        }
    }

    pub(crate) fn app(&self) -> Router {
        self.app.clone()
    }

    pub(crate) fn store(&self) -> Store {
        self.store.clone()
    }

    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        self.database.as_ref().expect("a database").client().await.expect("connects")
    }

    /// Delivers records for the group `weir`.
    pub(crate) async fn deliver(&self, records: impl IntoIterator<Item = Record>) {
        self.deliver_as("weir", records).await;
    }

    pub(crate) async fn deliver_as(
        &self,
        group_id: &str,
        records: impl IntoIterator<Item = Record>,
    ) {
        let batch = KafkaBatch::parse(&KafkaEvent::new(records).to_bytes()).expect("a batch");
        writer(self.direct.clone(), group_id)
            .write(&batch, Duration::from_secs(30))
            .await
            .expect("written");
    }

    /// Delivers readings after the existing ones, as sensor, value, time.
    pub(crate) async fn readings(&self, readings: &[(&str, f64, &str)]) {
        let next = "SELECT coalesce(max(next_offset), 0) FROM stream_partitions p JOIN streams s ON s.id = p.stream WHERE s.topic = 'readings' AND p.partition = 0";
        let first: i64 = self.client().await.query_one(next, &[]).await.expect("read").get(0);
        let value = |(sensor, value, timestamp): &(&str, f64, &str)| {
            serde_json::json!({"sensor": sensor, "value": value, "timestamp": timestamp})
                .to_string()
        };
        let record = |(offset, reading)| Record {
            topic: "readings".into(),
            offset,
            value: value(reading).as_str().into(),
            ..Record::default()
        };
        self.deliver((first..).zip(readings).map(record)).await;
    }

    pub(crate) async fn build_events(&self, values: &[String]) {
        let record = |(offset, value): (i64, &String)| Record {
            topic: "build_events".into(),
            offset,
            value: value.as_str().into(),
            ..Record::default()
        };
        self.deliver((0..).zip(values).map(record)).await;
    }

    pub(crate) async fn cdevents(&self, values: &[String]) {
        let record = |(offset, value): (i64, &String)| Record {
            topic: "cdevents".into(),
            offset,
            value: value.as_str().into(),
            ..Record::default()
        };
        self.deliver((0..).zip(values).map(record)).await;
    }

    pub(crate) async fn sample_cdevents(&self) {
        let samples = models::builtin()
            .get("cdevents")
            .expect("a model")
            .samples(Micros(1_767_323_045_678_000));
        let values: Vec<String> = samples.into_iter().map(|sample| sample.value).collect();
        self.cdevents(&values).await;
    }

    pub(crate) async fn sample_builds(&self) {
        let samples = models::builtin()
            .get("builds")
            .expect("a model")
            .samples(Micros(1_767_323_045_678_000));
        let values: Vec<String> = samples.into_iter().map(|sample| sample.value).collect();
        self.build_events(&values).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.ask_with(Method::GET, path, &[("accept", accept)]).await
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_with(method, path, &[]).await
    }

    pub(crate) async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let (parts, body) =
            self.app.clone().oneshot(request).await.expect("never fails").into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body").into();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Returns the page after this one.
    pub(crate) async fn next(&self, page: &Answer) -> Answer {
        let link = page.headers["link"].to_str().expect("text");
        let path =
            link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).expect("a link");
        self.get(path).await
    }

    /// Sends a GET and does not read the body.
    pub(crate) async fn begin(&self, path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        self.app.clone().oneshot(request).await.expect("never fails")
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    #[track_caller]
    pub(crate) fn is_problem(&self, status: StatusCode, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["code"]), (&status.as_u16().into(), &code.into()));
        for member in ["type", "title", "detail", "hint"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {problem}"
            );
        }
    }
}

/// Health checks that find no problems.
pub(crate) struct Nothing;

#[async_trait]
impl Health for Nothing {
    async fn condition(&self) -> Condition {
        Condition::default()
    }
}
