//! `PgBouncer` before the shared PostgreSQL, in its transaction mode: `tests/pgbouncer/run` fetches it and names it.

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{folder::Folder, postgres};

/// Four long reads, and what is asked beside them.
const CONNECTIONS: u8 = 6;
const PORT_WAIT: Duration = Duration::from_secs(10);

/// A pooler, which ends with the test program.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    _folder: Folder,
}

impl Pooler {
    /// The URL of a database behind it, from the one that leads to it directly.
    ///
    /// # Panics
    /// When that is no URL of [`postgres`](crate::postgres).
    pub fn url(&self, direct: &str) -> String {
        let (user, rest) = direct.rsplit_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        format!("{user}@127.0.0.1:{}/{database}", self.port)
    }
}

/// The pooler of this test program, when `WEIR_TEST_PGBOUNCER` names the program; started on first use.
///
/// # Panics
/// When it does not start.
pub fn pooler() -> Option<&'static Pooler> {
    static POOLER: OnceLock<Pooler> = OnceLock::new();
    let program = env::var("WEIR_TEST_PGBOUNCER").ok()?;
    Some(POOLER.get_or_init(|| start(&program).unwrap_or_else(|error| panic!("{program} does not start: {error:#}"))))
}

fn start(program: &str) -> Result<Pooler> {
    let direct = postgres().url("postgres");
    let (credentials, place) = direct.trim_start_matches("postgresql://").rsplit_once('@').context("a user")?;
    let (user, password) = credentials.split_once(':').context("a password")?;
    let (host, port) = place.split('/').next().and_then(|place| place.split_once(':')).context("a port")?;
    let listen_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = Folder::new()?;
    let (users, settings) = (folder.path().join("users"), folder.path().join("pgbouncer.ini"));
    std::fs::write(&users, format!("\"{user}\" \"{password}\"\n"))?;
    // Startup parameters that it does not know are refused, as RDS Proxy refuses them; what a transaction leaves on its connection is
    // gone with it, so that nobody counts on meeting the same one.
    let text = format!(
        "[databases]\n* = host={host} port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {listen_port}\n\
         unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n\
         max_client_conn = 1000\nmax_db_connections = {CONNECTIONS}\nserver_reset_query = DISCARD ALL\nserver_reset_query_always = 1\nserver_idle_timeout = 2\n",
        users.display()
    );
    std::fs::write(&settings, text)?;
    // It refuses root. The signal comes when the thread ends that started it, so that one never does.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root()? {
        command.args(["--reuid", "nobody", "--clear-groups"]);
        let chown = Command::new("chown").args(["-R", "nobody"]).arg(folder.path()).status()?;
        ensure!(chown.success(), "chown: {chown}");
    }
    command.arg("--").arg(program).arg("-q").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null());
    thread::spawn(move || {
        let ended = command.status();
        eprintln!("pgbouncer ended: {ended:?}");
    });
    let until = std::time::Instant::now() + PORT_WAIT;
    while TcpStream::connect(("127.0.0.1", listen_port)).is_err() {
        if std::time::Instant::now() > until {
            return Err(anyhow!("nothing listens at its port after {PORT_WAIT:?}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Pooler { port: listen_port, _folder: folder })
}

/// Whether we are root.
fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output()?;
    Ok(id.stdout.trim_ascii() == b"0")
}
