//! Runs `PgBouncer` in transaction mode in front of the shared PostgreSQL;
//! `tests/external/pgbouncer/run` downloads it and sets its path.

use std::{
    env,
    net::TcpStream,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use tokio_postgres::Config;

use crate::{folder::Folder, free_port, postgres};

/// Enough for four long reads and other queries at the same time.
const CONNECTIONS: u8 = 6;
const PORT_WAIT: Duration = Duration::from_secs(10);

/// A pooler, which ends with the test program.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    _folder: Folder,
}

impl Pooler {
    /// Returns the URL of a database through the pooler, from the direct URL.
    ///
    /// # Panics
    /// When `direct` is not a URL of [`postgres`](crate::postgres).
    pub fn url(&self, direct: &str) -> String {
        let (user, rest) = direct.rsplit_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        format!("{user}@127.0.0.1:{}/{database}", self.port)
    }
}

/// Returns the pooler of this test program, if `WEIR_TEST_PGBOUNCER` names the program. The pooler
/// starts on first use.
///
/// # Panics
/// When the pooler does not start.
pub fn pooler() -> Option<&'static Pooler> {
    static POOLER: OnceLock<Pooler> = OnceLock::new();
    let program = env::var("WEIR_TEST_PGBOUNCER").ok()?;
    Some(POOLER.get_or_init(|| {
        start(&program).unwrap_or_else(|error| panic!("{program} does not start: {error:#}"))
    }))
}

fn start(program: &str) -> Result<Pooler> {
    let direct: Config = postgres().url("postgres").parse()?;
    let (Some(user), Some(password), Some(to)) =
        (direct.get_user(), direct.get_password(), direct.get_ports().first())
    else {
        bail!("the URL of PostgreSQL names no user, password or port");
    };
    let port = free_port()?;
    let folder = Folder::new()?;
    let (users, settings) = (folder.path().join("users"), folder.path().join("pgbouncer.ini"));
    std::fs::write(&users, format!("\"{user}\" \"{}\"\n", str::from_utf8(password)?))?;
    // `PgBouncer` refuses unknown startup parameters, as RDS Proxy does. The reset query discards
    // the session state after each transaction, so that no code relies on the same connection.
    let text = format!(
        "[databases]\n* = host=127.0.0.1 port={to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n\
         max_client_conn = 1000\nmax_db_connections = {CONNECTIONS}\nserver_reset_query = DISCARD ALL\nserver_reset_query_always = 1\nserver_idle_timeout = 2\n",
        users.display()
    );
    std::fs::write(&settings, text)?;
    // The kernel sends the signal when the thread that started the child ends, so that thread must
    // not end before the program.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    // `PgBouncer` refuses to run as root.
    if folder.path().metadata()?.uid() == 0 {
        command.args(["--reuid", "nobody", "--clear-groups"]);
    }
    command
        .arg("--")
        .arg(program)
        .arg("-q")
        .arg(&settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    thread::spawn(move || {
        let ended = command.status();
        eprintln!("pgbouncer ended: {ended:?}");
    });
    let until = Instant::now() + PORT_WAIT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < until, "nothing listens at its port after {PORT_WAIT:?}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Pooler { port, _folder: folder })
}
