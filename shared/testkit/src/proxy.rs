//! A TCP proxy in front of PostgreSQL that reads the messages of the protocol and can cut the wire
//! at a chosen one: before the server sees it, or after the server did it and before we know.
//!
//! It does not speak TLS: a client that asks for it gets the server's own "no".

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

/// A running proxy; it ends, and cuts its connections, when dropped.
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
    /// When `url` has no host and port, or no port can be had.
    pub async fn start(url: &str) -> Result<Self> {
        let upstream = url[authority(url)?].to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepts = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Ok(Self { address, shared, accepts })
    }

    /// The same URL, through this proxy.
    ///
    /// # Panics
    /// When `original` has no host and port.
    pub fn url(&self, original: &str) -> String {
        let host = authority(original).unwrap_or_else(|error| panic!("{error}"));
        let mut url = original.to_owned();
        url.replace_range(host, &self.address.to_string());
        url
    }

    /// Sets the plan: does `action` once, at the first message that `step` means, on whatever
    /// connection it comes. Counting and the lists of statements begin anew.
    pub fn cut_at(&self, step: Step, action: Action) {
        self.shared.set_plan(Some((step, action)));
    }

    /// Drops the plan, and begins counts and lists anew.
    pub fn forward_all(&self) {
        self.shared.set_plan(None);
    }

    /// Waits until the plan's step came and its action is done: the cut made, the message held.
    pub async fn reached(&self) {
        // The sender is ours, so it cannot end.
        let _ = self.shared.reached.subscribe().wait_for(|reached| *reached).await;
    }

    /// Whether the plan's step has come.
    pub fn was_reached(&self) -> bool {
        *self.shared.reached.borrow()
    }

    /// Lets a held message, and what follows it, go on.
    pub fn release(&self) {
        self.shared.releases.send_modify(|count| *count += 1);
    }

    /// Cuts every connection, held ones too.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// With `true` the database is away: every connection is cut, and new ones are closed at
    /// once. With `false` it is back.
    pub fn refuse(&self, away: bool) {
        self.shared.refuse.send_replace(away);
        if away {
            self.cut();
        }
    }

    /// Messages from clients since the plan was set; those of starting up and logging in do not
    /// count.
    pub fn frontend_messages(&self) -> usize {
        self.shared.seen().messages
    }

    /// The first line of every SQL text sent (`Query`, `Parse`) since the plan was set, in order.
    /// Ours is a comment with the statement's name.
    pub fn statements(&self) -> Vec<String> {
        self.shared.seen().statements.clone()
    }

    /// The first line of every statement run (`Query`, `Bind`) since the plan was set, in order:
    /// a prepared statement appears each time it is used.
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

/// Where `host:port` stands in a URL.
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
