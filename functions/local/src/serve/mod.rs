//! Runs the whole system in this process. It starts the parts, serves until a stop signal, finishes
//! the running batches, and stops.

mod banner;
mod collect;
mod daily;
mod function;
mod health;
mod invoke_route;
mod kafka;
mod metrics_route;
mod packing;
mod samples;
mod shutdown;

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::middleware::from_fn;
use tokio::net::TcpListener;
use weir_api::{ApiState, DatabaseHealth, Dumps, Health, RouteTable};
use weir_http::{Needs, ReadConnection, Server};
use weir_ingest::Handler;
use weir_migrate::Meet;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataSettings, Wanted};
use weir_store::{DatabaseRoles, Store, migrate, reset};

pub(crate) use self::function::IngestFunction;
use self::kafka::Kafka;
use crate::{
    Exit, Settings,
    database::Database,
    dumps,
    identity::IdentityCheck,
    output::{self, say},
    poller::{Invoke, Poller, PollerConfig, StoredPositions},
};

/// Runs until Ctrl-C or SIGTERM.
pub(crate) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
) -> Result<(), Exit> {
    // Check the settings before anything is started.
    let wanted = settings.wanted()?;
    wanted.check(models, plugins)?;
    if !Database::exists(settings) {
        // Without a database these settings are the effective ones.
        wanted.alone()?.check(models, plugins)?;
    }
    let table = RouteTable::new(models).map_err(Exit::usage)?;
    settings.public.check(models).map_err(Exit::usage)?;
    dumps::config(settings)?.models(models)?;
    // Check the access before the port is open, so that the server is never open by accident.
    let access = settings.access.for_host(settings.host).await?;
    let listener = bind(settings).await?;
    let address = listener.local_addr().map_err(Exit::failed)?;
    let kafka = Kafka::start(settings)?;
    kafka.poller_config(settings, "weir", &[]).check()?;
    let database = Database::open(settings).await?;
    let mut stop = shutdown::StopSignal::listen()?;
    let metrics = metrics_route::install()?;

    let ended = async {
        let data = prepare(settings, &database.store, models, plugins, &wanted).await?;
        let (on, group, topics) =
            (data.switched_on(plugins)?, data.one_group()?, data.topic_names());
        let writer =
            data.writer_on(database.store.clone(), &settings.ingest.limits, models, plugins)?;
        kafka.make_topics(&topics)?;
        if kafka.is_embedded() {
            // The embedded broker kept no records, so each topic begins a new epoch.
            for topic in &topics {
                reset::begin_epoch(writer.store(), &group, topic).await?;
            }
        }
        let handler = Handler::new(writer);
        let reasons = handler.writer().health().clone();
        let poller_config = PollerConfig {
            health: reasons.clone(),
            ..kafka.poller_config(settings, &group, &topics)
        };
        let identity = IdentityCheck::new(handler.writer().clone(), poller_config.clone());
        let ingest = Arc::new(IngestFunction { handler: handler.clone(), identity });
        let (invoke, stored): (Arc<dyn Invoke>, Arc<dyn StoredPositions>) =
            (ingest.clone(), ingest);
        let running = Poller::start(&poller_config, &invoke, &stored)?;
        let poller = Arc::new(tokio::sync::Mutex::new(Some(running)));
        let reader = ReadConnection::new(database.store.clone());
        let database_health = DatabaseHealth(reader.clone());
        let health: Arc<dyn Health> = Arc::new(health::ServeHealth {
            database: database_health,
            poller: poller.clone(),
            reasons,
        });
        let state = ApiState::new(
            handler.writer().clone(),
            reader,
            access.clone(),
            settings.api.clone(),
            health.clone(),
            env!("CARGO_PKG_VERSION"),
        );
        // With an external database and no place for dumps, no folder is created on this disk.
        let has_place = settings.dump.blob.blob_url.is_some()
            || settings.dump_at.is_some()
            || settings.data_dir.is_dir();
        let dumper =
            has_place.then(|| dumps::dumper(settings, models, &database.store)).transpose()?;
        let replica = Store::of_reader(&settings.reader, &settings.ingest.database)?;
        let state = state.with_replica(replica.as_ref()).with_dumps(Dumps::new(
            dumper.as_ref().map(|dumper| dumper.blobs.clone()),
            &settings.public.public_dumps,
        ));
        let sources = metrics_route::MetricsState::new(metrics.clone(), poller.clone(), health);
        let producer = Arc::new(kafka.producer(&poller)?);
        let collect = collect::routes(
            settings,
            handler.writer(),
            on.decoders(),
            Arc::clone(&producer),
            access.clone(),
        )
        .await?;
        let metrics =
            weir_http::guard(access.clone(), Needs::default(), metrics_route::routes(sources));
        let routes = table.routes(state, &on, Some(collect)).merge(metrics);
        let invoke = invoke_route::routes(handler.clone(), access.clone(), settings.invoke_path);
        let router = weir_http::finish(routes.merge(invoke)).layer(from_fn(metrics_route::count));
        let server = Server::start(&router).map_err(Exit::failed)?;
        let daily = tokio::spawn(daily::run(
            database.store.clone(),
            dumper,
            wanted.clone(),
            settings.dump_at,
        ));
        let packing = tokio::spawn(packing::run(database.store.clone()));
        let mut told = stop.clone();
        let server = tokio::spawn(server.serve(listener, async move { told.wait().await }));
        let topics = handler.writer().topics();
        banner::print(&banner::Banner {
            settings,
            address,
            access: &access,
            kafka: &kafka,
            database: &database,
            topics,
        });
        let samples = database.is_new && kafka.is_embedded() && !settings.no_sample;
        if samples {
            tokio::select! {
                published = samples::publish(&producer, handler.writer()) => {
                    let (events, topics) = published?;
                    say!("  published {events} sample events to {topics}\n");
                }
                () = stop.wait() => {}
            }
        }
        stop.wait().await;
        daily.abort();
        packing.abort();
        output::note_line(format_args!(
            "stopping; the running batch is finished first (press Ctrl-C again to end at once)"
        ));
        let running = poller.lock().await.take();
        if let Some(poller) = running {
            poller.stop().await;
        }
        tracing::debug!("the poller ended");
        let _ = server.await;
        tracing::debug!("HTTP ended");
        Ok(())
    }
    .await;
    kafka.stop().await;
    tracing::debug!("Kafka ended");
    let closed = database.close().await;
    ended.and(closed)
}

async fn bind(settings: &Settings) -> Result<TcpListener, Exit> {
    let address = SocketAddr::new(settings.host, settings.port);
    TcpListener::bind(address).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => Exit::usage(format!(
            "port {} is already in use: stop the program that listens on it, or choose another \
                port with --port",
            settings.port
        )),
        _ => Exit::usage(format!("cannot listen on {address}: {e}")),
    })
}

/// Prepares the schema. Returns the effective settings of the data; settings that the database
/// lacks are stored.
async fn prepare(
    settings: &Settings,
    store: &Store,
    models: &Models,
    plugins: &Plugins,
    wanted: &Wanted,
) -> Result<DataSettings, Exit> {
    if settings.no_migrate {
        migrate::check(store, models, &Vec::new()).await?;
        let data = wanted.start(store, models, plugins).await?;
        migrate::check(store, models, &data.switched_on(plugins)?.database()).await?;
        return Ok(data);
    }
    let migrated =
        weir_migrate::handle(store, models, plugins, wanted, Meet::Agree, DatabaseRoles::None)
            .await?;
    if !migrated.applied.is_empty() {
        tracing::info!(applied = migrated.applied.len(), "the schema is up to date");
    }
    for note in migrated.notes {
        tracing::warn!("{note}");
    }
    Ok(migrated.data)
}

/// Returns a path as text.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
