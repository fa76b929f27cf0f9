//! The program of the Lambda function `api`. It connects the parts; their code is in the library.

use std::{process::ExitCode, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Router,
    extract::Request,
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use lambda_http::{Adapter, service_fn};
use tokio::sync::OnceCell;
use tower::ServiceExt;
use weir_api::{
    ApiError, ApiState, Condition, DatabaseHealth, Dumps, FunctionSettings, Health, RouteTable,
    fault_of,
};
use weir_blob::Blobs;
use weir_function::Trigger;
use weir_http::{
    Access, Answer, BasePath, Function, HttpLimits, RESPONSE_BYTES_MAX, ReadConnection, RoutePaths,
    finish, prepared,
};
use weir_model::models;
use weir_settings::{DataSettings, Wanted};
use weir_store::{HealthKind, Store, StoreError, WriteLimits, settings};

/// Routes that must not wait for the database, because they report whether the function or the
/// database is up.
const WAITS_FOR_NOTHING: [&str; 4] = ["/ping", "/livez", "/readyz", "/healthz"];

/// How long a request waits for the settings from the database.
const SETTINGS_LIMIT: Duration = Duration::from_secs(20);

/// The routes, with the settings from the database. The settings are read once, not for each
/// request.
struct Api {
    parts: Parts,
    wanted: Wanted,
    ready: OnceCell<Function>,
    /// The routes without the settings of the data, while these cannot be read. They only read: a
    /// change would use the wrong models when the database comes back during the request.
    without: Function,
}

/// Everything that the routes need, except the settings of the data.
struct Parts {
    store: Store,
    /// The replica for lists.
    replica: Option<Store>,
    reader: ReadConnection,
    write_limits: WriteLimits,
    access: Access,
    limits: HttpLimits,
    dumps: Dumps,
    base_path: BasePath,
    paths: RoutePaths,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match weir_function::start("api", start).await {
        Ok((api, runtime)) => {
            let adapter = Adapter::from(service_fn(|event| api.handle(event)));
            runtime.serve(Trigger::Http, adapter.map_request(prepared)).await
        }
        Err(exit) => exit,
    }
}

/// Reads the settings. A wrong setting is an error, and the function does not start.
async fn start(settings: FunctionSettings) -> anyhow::Result<Api> {
    let FunctionSettings {
        mut writer,
        reader: replica,
        database_pooled,
        access,
        limits,
        blob,
        public,
        base_path,
        ..
    } = settings;
    let replica = Store::of_reader(&replica, &writer.database)?;
    writer.database.pooled = database_pooled;
    let wanted = Wanted::of(&writer.data)?;
    wanted.check(&models::builtin(), &weir_plugin::builtin())?;
    let store = Store::new(&writer.database)?;
    let access = access.for_function().await?;
    let limits = HttpLimits { response_bytes_max: Some(RESPONSE_BYTES_MAX), ..limits };
    public.check(&models::builtin()).map_err(anyhow::Error::msg)?;
    let blobs = blob.blob_url.as_ref().map(Blobs::open).transpose()?;
    let dumps = Dumps::new(blobs, &public.public_dumps);
    let reader = ReadConnection::new(store.clone());
    let paths = RouteTable::new(&models::builtin()).map_err(anyhow::Error::msg)?.paths();
    let write_limits = writer.limits;
    let parts =
        Parts { store, replica, reader, write_limits, access, limits, dumps, base_path, paths };
    let health = SettingsHealth { reader: parts.reader.clone(), wanted: wanted.clone() };
    let (router, _) = parts.router(&Wanted::default().alone()?, Arc::new(health))?;
    let without = parts.function(router.layer(axum::middleware::from_fn(refuse_changes)));
    let api = Api { parts, wanted, ready: OnceCell::new(), without };
    let read = async { api.ready().await.map(drop) };
    weir_function::warm_up(read, |error| matches!(error, StoreError::Setting(_))).await?;
    Ok(api)
}

/// Answers 503 to a request that may change something.
async fn refuse_changes(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let why = "the settings of the topics cannot be read from the database".to_owned();
    ApiError::from(StoreError::Connect(why)).into_response()
}

/// Returns the settings in force. A variable that contradicts the database is an error.
async fn in_force(reader: &ReadConnection, wanted: &Wanted) -> Result<DataSettings, StoreError> {
    let rows = reader.rows(settings::READ, &[]).await;
    let rows = rows.map_err(|error| StoreError::Transient(error.to_string()))?;
    wanted.in_force_with(&settings::of_rows(&rows)?)
}

/// The checks while the function has no settings from the database. It then serves no request if a
/// variable contradicts them.
struct SettingsHealth {
    reader: ReadConnection,
    wanted: Wanted,
}

#[async_trait]
impl Health for SettingsHealth {
    async fn condition(&self) -> Condition {
        let mut found = DatabaseHealth(self.reader.clone()).condition().await;
        if let Err(StoreError::Setting(text)) = in_force(&self.reader, &self.wanted).await {
            found.faults.push(fault_of(HealthKind::Settings, &text));
        }
        found
    }
}

impl Parts {
    /// Returns the routes with these settings, and the state whose connections must be opened.
    fn router(
        &self,
        data: &DataSettings,
        health: Arc<dyn Health>,
    ) -> Result<(Router, ApiState), StoreError> {
        let plugins = data.switched_on(&weir_plugin::builtin())?;
        let writer = data.writer_on(
            self.store.clone(),
            &self.write_limits,
            &models::builtin(),
            &weir_plugin::builtin(),
        )?;
        let (reader, access, limits) =
            (self.reader.clone(), self.access.clone(), self.limits.clone());
        let state =
            ApiState::new(writer, reader, access, limits, health, env!("CARGO_PKG_VERSION"))
                .with_dumps(self.dumps.clone())
                .with_replica(self.replica.as_ref());
        let table = RouteTable::new(&models::builtin()).map_err(StoreError::Setting)?;
        Ok((table.routes(state.clone(), &plugins, None), state))
    }

    fn function(&self, router: Router) -> Function {
        Function::new(finish(router), self.base_path.clone(), self.paths.clone())
    }
}

impl Api {
    /// Returns the routes with the stored settings. Each call reads the settings from the database,
    /// until one call has succeeded.
    async fn ready(&self) -> Result<&Function, StoreError> {
        let make = async || {
            let reader = &self.parts.reader;
            let data = in_force(reader, &self.wanted).await?;
            let (router, state) =
                self.parts.router(&data, Arc::new(DatabaseHealth(reader.clone())))?;
            state.warm_up().await?;
            Ok(self.parts.function(router))
        };
        self.ready.get_or_try_init(make).await
    }

    async fn handle(&self, event: lambda_http::Request) -> Result<Answer, lambda_http::Error> {
        let path = event.uri().path();
        let waits = path != "/" && !WAITS_FOR_NOTHING.iter().any(|end| path.ends_with(end));
        if !waits && !self.ready.initialized() {
            return self.without.handle(event).await;
        }
        match tokio::time::timeout(SETTINGS_LIMIT, self.ready()).await {
            Ok(Ok(function)) => function.handle(event).await,
            Ok(Err(error @ StoreError::Setting(_))) => {
                tracing::error!(%error, "the settings contradict the database");
                Err(error.to_string().into())
            }
            // A route that needs the database answers 503 here.
            Ok(Err(_)) | Err(_) => self.without.handle(event).await,
        }
    }
}
