//! Ctrl-C and SIGTERM.

use tokio::sync::watch;

use crate::Exit;

/// A stop signal that all clones receive.
#[derive(Clone)]
pub(super) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Starts to listen: the first signal stops the program, the second one ends the process
    /// immediately.
    pub(super) fn listen() -> Result<Self, Exit> {
        let (tell, told) = watch::channel(false);
        #[cfg(unix)]
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(Exit::failed)?;
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

    /// Waits for the stop signal.
    pub(super) async fn wait(&mut self) {
        let _ = self.0.wait_for(|told| *told).await;
    }
}
