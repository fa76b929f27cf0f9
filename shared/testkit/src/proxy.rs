//! A TCP proxy in front of PostgreSQL that reads the messages of the protocol.
//!
//! It can close both connections at a chosen message: before the server gets the message, or after
//! the server has handled it and before the client gets the answer. The proxy does not support TLS:
//! a request for TLS gets the server's own refusal.

mod connection;
mod flow;
mod message;
mod plan;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use connection::Connection;
use plan::Shared;
pub use plan::{Action, Step};

/// A running proxy. Dropping it ends the proxy and closes its connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepts: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of the server that `url` names, on a free port of 127.0.0.1 and on
    /// the caller's runtime.
    ///
    /// # Errors
    /// When `url` has no host and port, or no port is available.
    pub async fn start(url: &str) -> Result<Self> {
        let upstream = url[authority(url)?].to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepts = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Ok(Self { address, shared, accepts })
    }

    /// Returns the same URL, with the address of this proxy.
    ///
    /// # Panics
    /// When `original` has no host and port.
    pub fn url(&self, original: &str) -> String {
        let host = authority(original).unwrap_or_else(|error| panic!("{error}"));
        let mut url = original.to_owned();
        url.replace_range(host, &self.address.to_string());
        url
    }

    /// Sets the plan: runs `action` once, at the first message that matches `step`, on any
    /// connection. Resets the counts and the lists of statements.
    pub fn cut_at(&self, step: Step, action: Action) {
        self.shared.set_plan(Some((step, action)));
    }

    /// Removes the plan, and resets the counts and the lists.
    pub fn forward_all(&self) {
        self.shared.set_plan(None);
    }

    /// Waits until the plan's step was reached and its action is done: the connection is closed, or
    /// the message is held.
    pub async fn reached(&self) {
        // `self` owns the sender, so the channel stays open.
        let _ = self.shared.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Returns whether the plan's step was reached.
    pub fn was_reached(&self) -> bool {
        *self.shared.reached.borrow()
    }

    /// Forwards a held message and the messages after it.
    pub fn release(&self) {
        self.shared.releases.send_modify(|count| *count += 1);
    }

    /// Closes every connection, including held ones.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Simulates an outage of the database. With `true` every connection is closed, and new ones
    /// are closed at once. With `false` the outage ends.
    pub fn refuse(&self, away: bool) {
        self.shared.refuse.send_replace(away);
        if away {
            self.cut();
        }
    }

    /// Returns the number of messages from clients since the plan was set. Messages of startup and
    /// authentication do not count.
    pub fn frontend_messages(&self) -> usize {
        self.shared.seen().messages
    }

    /// Returns the first line of every SQL text sent (`Query`, `Parse`) since the plan was set, in
    /// order. In Weir's statements this line is a comment with the statement's name.
    pub fn statements(&self) -> Vec<String> {
        self.shared.seen().statements.clone()
    }

    /// Returns the first line of every statement run (`Query`, `Bind`) since the plan was set, in
    /// order. A prepared statement is listed each time it runs.
    pub fn executed(&self) -> Vec<String> {
        self.shared.seen().executed.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepts.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, upstream: String, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.refuse.borrow() {
            continue;
        }
        let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
        // Subscribed here, so that a cut between now and the task's first step is not missed.
        let mut cuts = shared.cuts.subscribe();
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(upstream).await else {
                return;
            };
            let cut = tokio::select! {
                cut = Connection::serve(client, server, &shared) => cut,
                _ = cuts.changed() => false,
            };
            // Both sockets are closed by now.
            if cut {
                shared.reached.send_replace(true);
            }
        });
    }
}

/// Returns the position of `host:port` in a URL.
fn authority(url: &str) -> Result<std::ops::Range<usize>> {
    let scheme = url.find("://").context("a database URL begins with postgresql://")? + 3;
    let end = url[scheme..].find(['/', '?']).map_or(url.len(), |at| scheme + at);
    let start = url[scheme..end].rfind('@').map_or(scheme, |at| scheme + at + 1);
    url[start..end]
        .contains(':')
        .then_some(start..end)
        .context("a database URL for the proxy names its port")
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn the_host_is_found_in_every_url() -> anyhow::Result<()> {
        for url in [
            "postgresql://u:p@127.0.0.1:5432/db?x=1",
            "postgres://127.0.0.1:5432",
            "postgres://u@127.0.0.1:5432?x",
        ] {
            assert_eq!(&url[authority(url)?], "127.0.0.1:5432");
        }
        assert!(authority("postgres://u@host/db").is_err());
        Ok(())
    }
}
