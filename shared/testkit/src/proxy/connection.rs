//! One connection through the proxy.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

use super::flow::Flow;
use super::message::{Message, read_startup};
use super::plan::{Action, Shared};

const BUFFER_BYTES: usize = 64 << 10;

/// The state that the two directions of a connection share.
pub(super) struct Connection<'a> {
    shared: &'a Shared,
    flow: Mutex<Flow>,
    answered: Notify,
    /// Whether answers are no longer sent to the client.
    swallow: AtomicBool,
}

impl<'a> Connection<'a> {
    /// Forwards both directions until one side closes or the plan closes the connection. Returns
    /// true if the plan closed it. The sockets are closed when this function returns.
    pub(super) async fn serve(client: TcpStream, server: TcpStream, shared: &'a Shared) -> bool {
        if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
            return false;
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let connection = Self {
            shared,
            flow: Mutex::default(),
            answered: Notify::new(),
            swallow: AtomicBool::new(false),
        };
        tokio::select! {
            cut = connection.forward_requests(from_client, to_server) => cut.unwrap_or(false),
            // If the server ends while its answer is swallowed, it has handled the message, too.
            _ = connection.forward_answers(from_server, to_client) => connection.swallow.load(Ordering::Relaxed),
        }
    }

    /// Forwards from client to server. Returns true when the plan closes the connection, false when
    /// the client closed it.
    async fn forward_requests(
        &self,
        client: OwnedReadHalf,
        server: OwnedWriteHalf,
    ) -> io::Result<bool> {
        let mut client = BufReader::with_capacity(BUFFER_BYTES, client);
        let mut server = BufWriter::with_capacity(BUFFER_BYTES, server);
        loop {
            let Some((packet, asks_for_encryption)) = read_startup(&mut client).await? else {
                return Ok(false);
            };
            if asks_for_encryption {
                self.flow().sent_encryption_request();
            }
            server.write_all(&packet).await?;
            server.flush().await?;
            if !asks_for_encryption {
                break;
            }
        }

        let mut prepared = HashMap::new();
        while let Some(message) = Message::read(&mut client).await? {
            let sql = sql_of(&message, &mut prepared);
            match self.shared.note(&message, sql.as_deref()) {
                None => {}
                Some(Action::BeforeForward) => {
                    server.flush().await?;
                    return Ok(true);
                }
                Some(Action::Hold) => {
                    server.flush().await?;
                    let mut releases = self.shared.releases.subscribe();
                    self.shared.reached.send_replace(true);
                    if releases.changed().await.is_err() {
                        return Ok(false);
                    }
                }
                Some(Action::SwallowAnswer) => self.swallow.store(true, Ordering::Relaxed),
            }
            self.flow().sent(message.tag());
            server.write_all(message.bytes()).await?;
            if self.swallow.load(Ordering::Relaxed)
                && matches!(message.tag(), b'Q' | b'S' | b'F' | b'X')
            {
                server.flush().await?;
                self.wait_for_answers().await;
                return Ok(true);
            }
            if client.buffer().is_empty() {
                server.flush().await?;
            }
        }
        Ok(false)
    }

    /// Forwards from server to client until the server closes.
    async fn forward_answers(
        &self,
        mut server: OwnedReadHalf,
        mut client: OwnedWriteHalf,
    ) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = server.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            if !self.swallow.load(Ordering::Relaxed) {
                client.write_all(&buffer[..length]).await?;
            }
            self.flow().received(&buffer[..length]);
            self.answered.notify_one();
        }
    }

    async fn wait_for_answers(&self) {
        while !self.flow().is_settled() {
            self.answered.notified().await;
        }
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the SQL text that a message sends or, for `Bind`, runs. `prepared` stores texts by name.
fn sql_of(message: &Message, prepared: &mut HashMap<String, String>) -> Option<String> {
    match message.tag() {
        b'Q' => message.string(0),
        b'P' => {
            let (name, sql) = (message.string(0)?, message.string(1)?);
            prepared.insert(name, sql.clone());
            Some(sql)
        }
        b'B' => prepared.get(&message.string(1)?).cloned(),
        _ => None,
    }
}
