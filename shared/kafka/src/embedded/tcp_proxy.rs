//! A fixed port in front of the mock cluster, which uses a different port at every start.
//!
//! Clients bootstrap here and then connect to the address that the mock advertises.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::BrokerError;

/// The most connections that one listener forwards at once. More connections wait in the system's
/// queue.
const CONNECTIONS_MAX: usize = 256;

/// The pause after a failed accept, to avoid a busy loop. The usual cause is a lack of file
/// descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Listeners on 127.0.0.1 and, if the machine has it, on `::1`. The name `localhost` may resolve to
/// either.
pub(super) struct Listeners {
    port: u16,
    sockets: Vec<TcpListener>,
}

impl Listeners {
    /// Binds `port`; 0 selects a free port.
    pub(super) fn bind(port: u16) -> Result<Self, BrokerError> {
        let v4 =
            listen((Ipv4Addr::LOCALHOST, port).into()).map_err(|error| refused(&error, port))?;
        let bound = v4.local_addr().map_err(|error| refused(&error, port))?.port();
        let mut sockets = vec![v4];
        match listen((Ipv6Addr::LOCALHOST, bound).into()) {
            Ok(v6) => sockets.push(v6),
            // Another program on ::1 would answer some of the clients that connect to `localhost`.
            Err(error) if error.kind() == ErrorKind::AddrInUse && port != 0 => {
                return Err(BrokerError::PortTaken(port));
            }
            Err(error) => tracing::debug!("no listener on [::1]:{bound}: {error}"),
        }
        Ok(Self { port: bound, sockets })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Forwards every connection to `target` until the returned set is dropped.
    pub(super) fn serve(self, target: SocketAddr) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for socket in self.sockets {
            tasks.spawn(accept(socket, target));
        }
        tasks
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

fn refused(error: &io::Error, port: u16) -> BrokerError {
    match error.kind() {
        ErrorKind::AddrInUse => BrokerError::PortTaken(port),
        _ => BrokerError::Start(format!("port {port}: {error}")),
    }
}

async fn accept(listener: TcpListener, target: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((client, _)) => { connections.spawn(relay(client, target)); }
                Err(error) => {
                    tracing::debug!("kafka port: accept: {error}");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn relay(mut client: TcpStream, target: SocketAddr) {
    let Ok(mut broker) = TcpStream::connect(target).await else {
        return;
    };
    // Requests are small and wait for their answers. Without nodelay, each request waits for a
    // delayed acknowledgement.
    let _ = client.set_nodelay(true);
    let _ = broker.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut client, &mut broker).await;
}
