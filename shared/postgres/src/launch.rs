//! Starts a postmaster, waits until it is ready, and stops it. All functions here block.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::time::Duration;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::paths::ServerPaths;
use crate::process::{self, Signal};
use crate::{Error, leftover, server_log};

const TRIES: usize = 5;
const FAST_LIMIT: Duration = Duration::from_secs(30);
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);

/// The parameters to start the same server again.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) paths: ServerPaths,
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) limit: Duration,
}

/// A postmaster that this program started. Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    paths: ServerPaths,
}

/// The reason why one attempt to start failed.
enum StartFailure {
    /// Another program took the port after this program had found it free.
    Port,
    /// Backends of a dead postmaster still use its shared memory.
    Orphans,
    For(Error),
}

impl Launch {
    /// Starts the server on `port`, or on a free port. Returns the port.
    pub(crate) fn start(&self, port: Option<u16>) -> Result<(Postmaster, u16), Error> {
        let mut failure = Error::Interrupted;
        for _ in 0..TRIES {
            let try_port = port.map_or_else(free_port, Ok)?;
            match self.try_start(try_port) {
                Ok(postmaster) => return Ok((postmaster, try_port)),
                Err(StartFailure::Port) if port.is_some() => {
                    return Err(Error::PortTaken { port: try_port });
                }
                Err(StartFailure::Port) => failure = Error::PortTaken { port: try_port },
                Err(StartFailure::Orphans) => {
                    leftover::end_orphans(&self.paths.data_dir);
                    failure =
                        self.failed("processes of an earlier server are still running".to_owned());
                }
                Err(StartFailure::For(error)) => return Err(error),
            }
        }
        Err(failure)
    }

    fn try_start(&self, port: u16) -> Result<Postmaster, StartFailure> {
        let (log, log_start) = server_log::open(&self.paths.log).map_err(StartFailure::For)?;
        let program = self.binaries.postgres();
        let mut command = self.account.command(&program, &self.paths.folder);
        command.arg("-D").arg(&self.paths.data_dir);
        let settings = self.settings.iter().map(|(name, value)| format!("{name}={value}"));
        // These settings come last and override others, so that no setting opens the server to the
        // network.
        let ours = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
        ];
        command.args(settings.chain(ours).flat_map(|setting| ["-c".to_owned(), setting]));
        let spawned = log.try_clone().and_then(|out| command.stdout(out).stderr(log).spawn());
        let child =
            spawned.map_err(|source| StartFailure::For(Error::Program { program, source }))?;
        let mut postmaster = Postmaster { child, paths: self.paths.clone() };

        let ready =
            process::wait_until(self.limit, || postmaster.is_ready() || !postmaster.is_alive());
        if ready && postmaster.is_alive() {
            return Ok(postmaster);
        }
        let said = server_log::since(&self.paths.log, log_start);
        if said.contains("Address already in use") {
            return Err(StartFailure::Port);
        }
        if said.contains("pre-existing shared memory block") {
            return Err(StartFailure::Orphans);
        }
        let line = server_log::last_useful_line(&said);
        let reason =
            if ready { line } else { format!("not ready within {:?}: {line}", self.limit) };
        Err(StartFailure::For(self.failed(reason)))
    }

    fn failed(&self, reason: String) -> Error {
        Error::Start { reason, log: self.paths.log.clone() }
    }
}

impl Postmaster {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether the process runs. Also reaps the process when it has ended.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns whether the postmaster accepts connections.
    ///
    /// The postmaster writes its state into the eighth line of `postmaster.pid`. Trial connections
    /// would leave lines in the server's log.
    fn is_ready(&self) -> bool {
        let text =
            fs::read_to_string(self.paths.data_dir.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        lines.next() == Some(self.pid().to_string().as_str()) && lines.nth(6) == Some("ready")
    }

    /// Requests a fast shutdown, then an immediate one, and then kills the server.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        let steps = [
            (Signal::Fast, FAST_LIMIT),
            (Signal::Immediate, IMMEDIATE_LIMIT),
            (Signal::Kill, IMMEDIATE_LIMIT),
        ];
        for (signal, limit) in steps {
            if !self.is_alive() {
                break;
            }
            process::send(self.pid(), signal);
            process::wait_until(limit, || !self.is_alive());
        }
        if self.is_alive() { Err(Error::Stop { pid: self.pid() }) } else { Ok(()) }
    }

    /// Kills the postmaster and its backends with `kill -9`. No process of the server is left when
    /// this function returns.
    pub(crate) fn kill_hard(&mut self) -> Result<(), Error> {
        if self.is_alive() {
            process::send(self.pid(), Signal::Kill);
            process::wait_until(IMMEDIATE_LIMIT, || !self.is_alive());
        }
        for pid in process::all_serving(&self.paths.data_dir) {
            process::send(pid, Signal::Kill);
        }
        leftover::end_orphans(&self.paths.data_dir);
        if self.is_alive() { Err(Error::Stop { pid: self.pid() }) } else { Ok(()) }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "cannot stop a PostgreSQL server; it is left running");
        }
    }
}

/// Returns a port that is free at this moment.
fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| Error::Start {
            reason: format!("no free port: {source}"),
            log: "the system's log".into(),
        })
}
