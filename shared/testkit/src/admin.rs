//! Creates and drops databases, one at a time, on a separate thread. The runtimes of tests end, but
//! this thread runs until the test program ends.

use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result, anyhow};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Client;

use crate::postgres::{connect, postgres};

enum Work {
    Run(Vec<String>),
    Clone { name: String, template: String },
}

struct Job {
    work: Work,
    answer: oneshot::Sender<Result<()>>,
}

struct Admin {
    jobs: mpsc::UnboundedSender<Job>,
    drops: mpsc::UnboundedSender<String>,
}

/// Runs statements on the shared server, outside of any transaction.
pub(crate) async fn run(statements: Vec<String>) -> Result<()> {
    ask(Work::Run(statements)).await
}

/// Creates the database `name` as a copy of `template`.
pub(crate) async fn clone(name: &str, template: &str) -> Result<()> {
    let (name, template) = (name.to_owned(), template.to_owned());
    ask(Work::Clone { name, template }).await
}

async fn ask(work: Work) -> Result<()> {
    let (answer, done) = oneshot::channel();
    let sent = admin().jobs.send(Job { work, answer });
    sent.map_err(|_| anyhow!("the thread that makes databases is gone"))?;
    done.await.context("the thread that makes databases is gone")?
}

/// Drops a database soon, and closes its connections.
pub(crate) fn drop_later(name: String) {
    // A failure is not an error: the database only uses a little disk space until the program ends.
    let _ = admin().drops.send(name);
}

fn admin() -> &'static Admin {
    static ADMIN: OnceLock<Admin> = OnceLock::new();
    ADMIN.get_or_init(|| {
        let url = postgres().url("postgres");
        let (jobs, jobs_in) = mpsc::unbounded_channel();
        let (drops, drops_in) = mpsc::unbounded_channel();
        thread::spawn(move || serve(&url, jobs_in, drops_in));
        Admin { jobs, drops }
    })
}

fn serve(
    url: &str,
    jobs: mpsc::UnboundedReceiver<Job>,
    drops: mpsc::UnboundedReceiver<String>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (maker, dropper) = (connect(url).await?, connect(url).await?);
        // The two run concurrently, because a drop waits for the connections of its database to
        // close.
        tokio::try_join!(make(maker, jobs), drop_all(dropper, drops)).map(|_| ())
    })
}

async fn make(client: Client, mut jobs: mpsc::UnboundedReceiver<Job>) -> Result<()> {
    // By default, version 15 and later log a copy block by block, which is 2.5 times slower here.
    // Older versions always copy files and do not know this option.
    let version = client
        .query_one("SELECT current_setting('server_version_num')::int AS version", &[])
        .await?;
    let strategy =
        if version.get::<_, i32>("version") >= 150_000 { "STRATEGY file_copy" } else { "" };
    while let Some(job) = jobs.recv().await {
        let statements = match job.work {
            Work::Run(statements) => statements,
            Work::Clone { name, template } => {
                vec![format!("CREATE DATABASE {name} TEMPLATE {template} {strategy}")]
            }
        };
        // The receiver is dropped if the test no longer waits.
        let _ = job.answer.send(run_all(&client, &statements).await);
    }
    Ok(())
}

async fn drop_all(client: Client, mut drops: mpsc::UnboundedReceiver<String>) -> Result<()> {
    while let Some(name) = drops.recv().await {
        // FORCE waits only a few seconds for the sessions that it ends.
        for _ in 0..3 {
            if client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await
                .is_ok()
            {
                break;
            }
        }
    }
    Ok(())
}

async fn run_all(client: &Client, statements: &[String]) -> Result<()> {
    for statement in statements {
        client.batch_execute(statement).await.with_context(|| statement.clone())?;
    }
    Ok(())
}
