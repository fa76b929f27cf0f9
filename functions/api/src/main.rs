//! The API function: wiring only.

use std::{process::ExitCode, sync::Arc, time::Duration};

use async_trait::async_trait;
use lambda_http::{Adapter, service_fn};
use tokio::sync::OnceCell;
use weir_api::{
    ApiState, Condition, DatabaseHealth, Dumps, FunctionSettings, Health, fault_of, router,
};
use weir_blob::Blobs;
use weir_function::Trigger;
use weir_http::{
    Access, Answer, BasePath, Function, HttpLimits, RESPONSE_BYTES_MAX, ReadConnection,
};
use weir_model::models;
use weir_settings::{DataSettings, Wanted};
use weir_store::{HealthKind, Store, StoreError, WriteLimits, settings};

/// Routes that must not wait for the database, because they report whether the function or the
/// database is up.
const WAITS_FOR_NOTHING: [&str; 4] = ["/ping", "/livez", "/readyz", "/healthz"];

/// How long a request waits for the settings from the database.
const SETTINGS_LIMIT: Duration = Duration::from_secs(20);

/// The routes with the settings from the database, which are read once.
struct Api {
    parts: Parts,
    wanted: Wanted,
    ready: OnceCell<Function>,
    /// The routes with the settings from the variables. They serve routes that need no database,
    /// and the error when the database is away.
    without: Function,
}

/// Everything that the routes need, except the settings of the data.
struct Parts {
    store: Store,
    reader: ReadConnection,
    write_limits: WriteLimits,
    access: Access,
    limits: HttpLimits,
    dumps: Dumps,
    base_path: BasePath,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match weir_function::start("api", start).await {
        Ok((api, runtime)) => {
            runtime.serve(Trigger::Http, Adapter::from(service_fn(|event| api.handle(event)))).await
        }
        Err(exit) => exit,
    }
}

/// Reads the settings. A wrong setting is an error, and the function does not start.
async fn start(settings: FunctionSettings) -> anyhow::Result<Api> {
    let FunctionSettings {
        mut writer,
        database_pooled,
        access,
        limits,
        blob,
        public,
        base_path,
        ..
    } = settings;
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
    let parts =
        Parts { store, reader, write_limits: writer.limits, access, limits, dumps, base_path };
    let health = SettingsHealth { reader: parts.reader.clone(), wanted: wanted.clone() };
    let (without, _) = parts.function(&Wanted::default().alone()?, Arc::new(health))?;
    let api = Api { parts, wanted, ready: OnceCell::new(), without };
    let read = async { api.ready().await.map(drop) };
    weir_function::warm_up(read, |error| matches!(error, StoreError::Setting(_))).await?;
    Ok(api)
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
    fn function(
        &self,
        data: &DataSettings,
        health: Arc<dyn Health>,
    ) -> Result<(Function, ApiState), StoreError> {
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
                .with_dumps(self.dumps.clone());
        let router = router(state.clone(), &plugins).map_err(StoreError::Setting)?;
        Ok((Function::new(router, self.base_path.clone()), state))
    }
}

impl Api {
    /// Returns the routes with the stored settings. Reads the settings from the database until this
    /// succeeds once.
    async fn ready(&self) -> Result<&Function, StoreError> {
        let make = async || {
            let reader = &self.parts.reader;
            let data = in_force(reader, &self.wanted).await?;
            let (function, state) =
                self.parts.function(&data, Arc::new(DatabaseHealth(reader.clone())))?;
            state.warm_up().await?;
            Ok(function)
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
            // This answer is 503.
            Ok(Err(_)) | Err(_) => self.without.handle(event).await,
        }
    }
}
