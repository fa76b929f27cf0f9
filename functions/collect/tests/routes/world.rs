//! A broker and the routes that write to it.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use rdkafka::types::RDKafkaRespErr;
use serde_json::Value;
use tower::ServiceExt;
use weir_collect::{CollectLimits, CollectState, Sources, SourcesConfig, intake::Intake};
use weir_http::{Access, AccessConfig, Auth, Entry, Key, Needs, Scopes};
use weir_kafka::{Backpressure, Producer};
use weir_model::{DecodeError, Decoder, Headers, Topics, TopicsConfig, models};

use crate::broker::{Broker, Stored};

pub(crate) struct CollectWorld {
    pub(crate) broker: Broker,
    pub(crate) app: Router,
    pub(crate) intake: Intake,
}

/// The parameters of a world.
pub(crate) struct Plan {
    pub(crate) access: Access,
    pub(crate) limits: CollectLimits,
    pub(crate) sources: String,
    /// In the syntax of `--topics`.
    pub(crate) topics: &'static str,
    /// A topic whose values are not JSON.
    pub(crate) encoded: Option<&'static str>,
    pub(crate) properties: Vec<(&'static str, &'static str)>,
    /// The address of another broker than the world's own.
    pub(crate) address: Option<String>,
    /// The position of the reader, as for the embedded broker.
    pub(crate) backpressure: Option<Backpressure>,
    /// The errors with which the broker answers the first batches.
    pub(crate) errors: Vec<RDKafkaRespErr>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            access: Access::Open,
            limits: CollectLimits::default(),
            sources: String::new(),
            topics: "+orders=events",
            encoded: None,
            properties: Vec::new(),
            address: None,
            backpressure: None,
            errors: Vec::new(),
        }
    }
}

/// A decoder for one topic, so that the topic's values are not JSON.
struct Encoded(&'static str);

impl Decoder for Encoded {
    fn name(&self) -> &'static str {
        "encoded"
    }

    fn decodes(&self, topic: &str) -> bool {
        topic == self.0
    }

    fn decode(&self, _: &[u8], _: &Headers<'_>, _: &str) -> Result<String, DecodeError> {
        Err(DecodeError("nobody reads it".into()))
    }
}

/// Creates API keys from (name, scopes, byte). Each byte of a key is `byte`.
pub(crate) async fn keys(list: &[(&str, &str, u8)]) -> Access {
    let entry = |(name, scopes, byte): &(&str, &str, u8)| {
        format!(
            "{}\n",
            Entry::new(
                name.parse().expect("a name"),
                Scopes::parse(scopes).expect("scopes"),
                &Key::new([*byte; 32])
            )
        )
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

impl CollectWorld {
    pub(crate) async fn new() -> Self {
        Self::of(Plan::default()).await
    }

    pub(crate) async fn of(plan: Plan) -> Self {
        let broker = Broker::answering(&plan.errors);
        let properties = plan
            .properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let address = plan.address.as_ref().unwrap_or(&broker.address);
        let producer = match plan.backpressure {
            Some(backpressure) => Producer::with_backpressure(address, &properties, backpressure),
            None => Producer::new(address, &properties),
        };
        let producer = producer.expect("a producer");
        let models = models::builtin();
        let config = TopicsConfig {
            topics: plan.topics.parse().expect("topics"),
            event_fields: vec!["orders=entity_id:/id".parse().expect("fields")],
            ..TopicsConfig::default()
        };
        let topics = Topics::new(&config, &models).expect("topics");
        let decoders = plan
            .encoded
            .map(|topic| Arc::new(Encoded(topic)) as Arc<dyn Decoder>)
            .into_iter()
            .collect();
        let intake = Intake::new(Arc::new(producer), models, topics, decoders);
        let sources = SourcesConfig::of_text(&plan.sources).expect("sources");
        let sources = Sources::open(&sources, &intake).await.expect("sources");
        let (routes, declared) = weir_collect::routes(CollectState::new(
            intake.clone(),
            sources,
            plan.access.clone(),
            plan.limits,
        ))
        .split_for_parts();
        let needs = Needs::declared(&serde_json::to_value(&declared).expect("a document"));
        Self {
            broker,
            intake,
            app: weir_http::finish(weir_http::guard(plan.access, needs, routes)),
        }
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.ask(Method::POST, path, headers, body).await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let (parts, body) =
            self.app.clone().oneshot(request).await.expect("never fails").into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body").into();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends NDJSON to `POST /ingest`.
    pub(crate) async fn ingest(&self, body: impl Into<Body>) -> Answer {
        self.post("/ingest", &[("content-type", "application/x-ndjson")], body).await
    }

    pub(crate) fn stored(&self, topic: &str) -> Vec<Stored> {
        self.broker.stored(topic)
    }

    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.broker.values(topic)
    }
}

/// An answer with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status.as_u16(), &self.json()), (status, body));
        assert_eq!(self.headers["content-type"], "application/json");
    }

    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()));
        for member in ["type", "title", "detail", "hint"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {problem}"
            );
        }
        problem
    }
}

pub(crate) fn reading(n: usize) -> String {
    format!(
        r#"{{"sensor":"speed","value":{n}.5,"timestamp":"2026-01-01T{:02}:{:02}:{:02}Z"}}"#,
        n / 3600 % 24,
        n / 60 % 60,
        n % 60
    )
}
