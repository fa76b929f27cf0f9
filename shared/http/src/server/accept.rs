//! Serves HTTP/1.1 over TCP. This accept loop replaces `axum::serve`, which waits for a client's
//! next bytes without limit.
//!
//! Each connection is assigned to a thread, and each thread has its own runtime. Everything that a
//! request reads with belongs to its thread ([`PerThread`](super::PerThread)). So no answer waits
//! for the wake-up of another thread.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use futures_util::future::join_all;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tower::ServiceExt;

use super::{
    host::names_one_host,
    per_thread::{THREADS_MAX, begin_thread},
};
use crate::middleware::InvalidHost;

/// The time that running requests may take after the stop signal.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Additional time for a thread to report that it has ended.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// The time limit for the whole head of a request, on a new or an idle connection.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// The most bytes of a head. hyper also limits the number of headers to 100.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The pause after an error of `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Threads that serve HTTP: one per core, at most four.
pub struct Server(Vec<Thread>);

struct Thread {
    /// Sends accepted connections to the thread, in the order of their arrival.
    connections: mpsc::UnboundedSender<Accepted>,
    /// The number of open connections of the thread.
    open: Arc<AtomicUsize>,
    /// Receives a message when the running requests have ended.
    drained: oneshot::Receiver<()>,
}

struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    open: Open,
}

/// Counts one open connection of a thread until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn of(thread: &Thread) -> Self {
        thread.open.fetch_add(1, Relaxed);
        Self(thread.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

impl Server {
    /// Starts the threads, which serve these routes.
    ///
    /// # Errors
    /// When the system cannot create more threads or files.
    pub fn start(router: &Router) -> io::Result<Self> {
        (0..threads())
            .map(|index| Thread::start(index, router.clone()))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Accepts connections until `stop` resolves. Then running requests may end, for at most 5 s.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))),
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => self.deal_out(stream, peer),
                Err(error) => {
                    // Usually there are too many open files, so other connections have to end
                    // first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        // The threads end when the senders of their connections are dropped.
        let drained: Vec<_> = self.0.into_iter().map(|thread| thread.drained).collect();
        // Each thread has its own time limit. A thread that is blocked by a request's work cannot
        // check it.
        if timeout(DRAIN_LIMIT + DRAIN_GRACE, join_all(drained)).await.is_err() {
            tracing::warn!("a thread that serves requests does not end");
        }
    }

    /// Passes a connection to the thread with the fewest connections.
    fn deal_out(&self, stream: std::net::TcpStream, peer: SocketAddr) {
        let running = self.0.iter().filter(|thread| !thread.connections.is_closed());
        if let Some(thread) = running.min_by_key(|thread| thread.open.load(Relaxed)) {
            let _ = thread.connections.send(Accepted { stream, peer, open: Open::of(thread) });
        }
    }
}

impl Thread {
    fn start(index: usize, router: Router) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (connections, accepted) = mpsc::unbounded_channel();
        let (drained, hears_drained) = oneshot::channel();
        thread::Builder::new().name(format!("http-{index}")).spawn(move || {
            begin_thread(index);
            runtime.block_on(serve_each(router, accepted));
            // The tasks that still run end here. A DNS lookup in the background is not waited for.
            runtime.shutdown_background();
            let _ = drained.send(());
        })?;
        Ok(Self { connections, open: Arc::default(), drained: hears_drained })
    }
}

/// Serves connections until the channel closes, and then waits for the running requests.
async fn serve_each(router: Router, mut accepted: mpsc::UnboundedReceiver<Accepted>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_BYTES_MAX);
    let in_hand = GracefulShutdown::new();
    while let Some(Accepted { stream, peer, open }) = accepted.recv().await {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot serve a connection");
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
            if !names_one_host(&request) {
                request.extensions_mut().insert(InvalidHost);
            }
            router.clone().oneshot(request)
        });
        let connection = in_hand.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            // A client that disconnects or never sends a whole head is not an error of the server.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended with an error");
            }
            drop(open);
        });
    }
    if timeout(DRAIN_LIMIT, in_hand.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
    };

    use super::*;

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: JoinHandle<()>,
    }

    async fn running(router: &Router) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, told) = oneshot::channel();
        let server = Server::start(router).expect("threads");
        let served = tokio::spawn(server.serve(listener, async move { drop(told.await) }));
        Running { address, stop, served }
    }

    async fn connected(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("connects")
    }

    /// Sends a request on a connection, and leaves the connection open.
    async fn asked(socket: &mut TcpStream, path: &str) -> String {
        socket
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
            .expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b".") {
            assert_ne!(socket.read_buf(&mut answer).await.expect("an answer"), 0, "it ended early");
        }
        String::from_utf8(answer).expect("text")
    }

    #[tokio::test]
    async fn connections_are_dealt_out_evenly() {
        let name = async || [thread::current().name().unwrap_or_default(), "."].concat();
        let server = running(&Router::new().route("/", get(name))).await;
        let threads = threads();
        let mut open = Vec::new();
        for _ in 0..3 {
            let mut names = HashSet::new();
            for _ in 0..threads {
                let mut socket = connected(server.address).await;
                let answer = asked(&mut socket, "/").await;
                names.insert(answer[answer.find("http-").expect("its thread")..].to_owned());
                open.push(socket);
            }
            assert_eq!(names.len(), threads, "{names:?}");
        }
    }

    #[tokio::test]
    async fn a_running_request_is_answered_and_no_new_one_is_accepted() {
        let (begun, mut begins) = mpsc::unbounded_channel();
        let slow = async move || {
            let _ = begun.send(());
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done."
        };
        let server = running(&Router::new().route("/", get(slow))).await;
        let address = server.address;
        let asking = tokio::spawn(async move { asked(&mut connected(address).await, "/").await });
        let _idle = connected(address).await;
        begins.recv().await.expect("it begins");
        server.stop.send(()).expect("it listens");
        assert!(asking.await.expect("answered").ends_with("done."));
        timeout(DRAIN_LIMIT, server.served).await.expect("at once").expect("ends");
        TcpStream::connect(address).await.expect_err("the port is free");
    }

    #[tokio::test]
    async fn a_thread_that_is_held_up_does_not_hold_up_the_end() {
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (_held, hold) = std::sync::mpsc::channel::<()>();
        let hold = Arc::new(std::sync::Mutex::new(hold));
        let blocked = async move || {
            let _ = begun.send(());
            let _ = hold.lock().expect("not poisoned").recv();
        };
        let server = running(&Router::new().route("/", get(blocked))).await;
        let mut socket = connected(server.address).await;
        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
        begins.recv().await.expect("it begins");
        server.stop.send(()).expect("it listens");
        timeout(DRAIN_LIMIT * 4, server.served).await.expect("all the same").expect("ends");
    }
}
