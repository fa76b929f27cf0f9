//! A small emulator of the Lambda Runtime API, which runs a real function as a child process.
//!
//! Start the child with `AWS_LAMBDA_RUNTIME_API` set to [`RuntimeApi::address`], then call
//! [`RuntimeApi::invoke`].

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:test";
const TRACE: &str = "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0";

/// The reason why an invocation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The function answered with an error.
    #[error("{kind}: {message}")]
    Failed {
        /// The `errorType` of the answer.
        kind: String,
        /// The `errorMessage` of the answer.
        message: String,
    },
    /// The function could not start.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The function did not answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// [`RuntimeApi::reset`] was called during the invocation.
    #[error("the invocation was given up")]
    Reset,
}

type Answer = std::result::Result<Value, FunctionError>;

struct Invocation {
    id: String,
    payload: Vec<u8>,
    deadline_ms: u128,
}

#[derive(Default)]
struct Work {
    count: u64,
    queue: VecDeque<Invocation>,
    waiting: HashMap<String, oneshot::Sender<Answer>>,
}

#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    arrived: Notify,
    /// The number of invocations that functions have fetched.
    taken: watch::Sender<u64>,
    /// Increases with every reset; a poll of an earlier generation gets no more invocations.
    generation: watch::Sender<u64>,
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        let Some(waiting) = self.work().waiting.remove(id) else {
            return StatusCode::BAD_REQUEST;
        };
        // The receiver is dropped if the caller no longer waits.
        let _ = waiting.send(answer);
        StatusCode::ACCEPTED
    }
}

/// The running emulator; it ends when dropped.
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Starts the emulator on a free port of 127.0.0.1, on the caller's runtime.
    ///
    /// # Errors
    /// When no port is available.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // `serve` only ends with its task.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, shared, server })
    }

    /// Returns `host:port`, for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns the command that starts a function; the child is killed when dropped. `program` is
    /// its binary.
    pub fn command(&self, program: &str) -> Command {
        let name = std::path::Path::new(program).file_stem().unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env("AWS_LAMBDA_RUNTIME_API", self.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .kill_on_drop(true);
        command
    }

    /// Passes an event to the function and waits at most `timeout` for its answer.
    ///
    /// The function gets `timeout` as its deadline, too. An answer that is not JSON is returned as
    /// a string.
    ///
    /// # Errors
    /// Returns a [`FunctionError`]. After a timeout, kill the function and call
    /// [`RuntimeApi::reset`], as Lambda does.
    pub async fn invoke(&self, payload: Vec<u8>, timeout: Duration) -> Answer {
        self.invoke_told(payload, timeout, timeout).await
    }

    /// Passes an event as [`RuntimeApi::invoke`] does, with a different deadline `told` for the
    /// function.
    ///
    /// # Errors
    /// As [`RuntimeApi::invoke`].
    pub async fn invoke_told(&self, payload: Vec<u8>, told: Duration, timeout: Duration) -> Answer {
        let deadline = SystemTime::now() + told;
        let deadline_ms = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut work = self.shared.work();
            work.count += 1;
            let id = format!("00000000-0000-4000-8000-{:012}", work.count);
            work.waiting.insert(id.clone(), sender);
            work.queue.push_back(Invocation { id: id.clone(), payload, deadline_ms });
            id
        };
        self.shared.arrived.notify_waiters();
        if let Ok(answer) = tokio::time::timeout(timeout, answer).await {
            return answer.unwrap_or(Err(FunctionError::Reset));
        }
        let mut work = self.shared.work();
        work.waiting.remove(&id);
        work.queue.retain(|invocation| invocation.id != id);
        Err(FunctionError::TimedOut(timeout))
    }

    /// Returns the number of invocations that functions have fetched.
    pub fn taken(&self) -> u64 {
        *self.shared.taken.borrow()
    }

    /// Waits until functions have fetched `count` invocations since the start. A test can then kill
    /// a function during its work.
    pub async fn wait_taken(&self, count: u64) {
        // `self` owns the sender, so the channel stays open.
        let _ = self.shared.taken.subscribe().wait_for(|taken| *taken >= count).await;
    }

    /// Drops every open invocation and every waiting poll. Call it after killing the function,
    /// before the next one is invoked.
    pub fn reset(&self) {
        let mut work = self.shared.work();
        work.queue.clear();
        work.waiting.clear();
        self.shared.generation.send_modify(|generation| *generation += 1);
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let mut generation = shared.generation.subscribe();
    let born = *generation.borrow_and_update();
    loop {
        // Registered before the check, so that a notification in between is not lost.
        let arrived = shared.arrived.notified();
        let found = {
            let mut work = shared.work();
            if *shared.generation.borrow() != born {
                return StatusCode::GONE.into_response();
            }
            work.queue.pop_front()
        };
        if let Some(invocation) = found {
            shared.taken.send_modify(|taken| *taken += 1);
            let headers = [
                ("lambda-runtime-aws-request-id", invocation.id),
                ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
                ("lambda-runtime-invoked-function-arn", ARN.to_owned()),
                ("lambda-runtime-trace-id", TRACE.to_owned()),
                ("content-type", "application/json".to_owned()),
            ];
            return (headers, invocation.payload).into_response();
        }
        tokio::select! {
            () = arrived => {}
            _ = generation.changed() => return StatusCode::GONE.into_response(),
        }
    }
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let value = serde_json::from_slice(&body);
    shared.answer(
        &id,
        Ok(value.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into())),
    )
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    let (kind, message) = read_error(&body);
    shared.answer(&id, Err(FunctionError::Failed { kind, message }))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let (kind, message) = read_error(&body);
    let mut work = shared.work();
    work.queue.clear();
    for (_, waiting) in work.waiting.drain() {
        let _ = waiting.send(Err(FunctionError::Init(format!("{kind}: {message}"))));
    }
    StatusCode::ACCEPTED
}

fn read_error(body: &[u8]) -> (String, String) {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| error[name].as_str().map(str::to_owned);
    let message =
        text("errorMessage").unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    (text("errorType").unwrap_or_default(), message)
}
