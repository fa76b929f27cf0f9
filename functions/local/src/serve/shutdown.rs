//! Ctrl-C and SIGTERM.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::watch};

use crate::Exit;

/// How long requests in hand may take after the signal.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Told once, heard by everyone.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// From now on the first signal stops, the second ends the process at once.
    pub(super) fn listen() -> Result<Self, Exit> {
        let (tell, told) = watch::channel(false);
        #[cfg(unix)]
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(Exit::failed)?;
        tokio::spawn(async move {
            loop {
                #[cfg(unix)]
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                #[cfg(not(unix))]
                let _ = tokio::signal::ctrl_c().await;
                if tell.send_replace(true) {
                    std::process::exit(130);
                }
            }
        });
        Ok(Self(told))
    }

    /// Returns when it was told.
    pub(super) async fn wait(&mut self) {
        let _ = self.0.wait_for(|told| *told).await;
    }
}

/// Serves until the signal, then lets requests in hand end.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: Stop, mut limit: Stop) {
    let drained = async move {
        limit.wait().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, service).with_graceful_shutdown(async move { stop.wait().await }) => {
            if let Err(error) = served {
                tracing::error!(%error, "HTTP ended");
            }
        }
        () = drained => tracing::warn!("some requests were cut off"),
    }
}
