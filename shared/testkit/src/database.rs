//! A database per test, cloned from a template in 0.06 s.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;

use crate::admin;
use crate::eventually::eventually;
use crate::postgres::{connect, postgres};

/// The time limit for the connections of a template's setup to close.
const SETUP_CLOSES: Duration = Duration::from_secs(1);

/// An empty or migrated database of one test. It is dropped some time after this value.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Creates a database as a copy of the template of this name, which `setup` prepares.
    ///
    /// `setup` gets the template's URL and runs once per test program and name, on the caller's
    /// runtime. When it fails, the next caller runs it again.
    ///
    /// # Errors
    /// When `setup` fails, the name contains anything but `a-z`, `0-9` and `_`, or PostgreSQL
    /// returns an error.
    pub async fn create(
        template: &str,
        setup: impl AsyncFnOnce(String) -> Result<()>,
    ) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        ensure!(
            !template.is_empty() && template.bytes().all(plain),
            "a template's name is a-z, 0-9 and _: {template}"
        );
        let name = format!("template_{template}");
        let made = template_state(template);
        let mut made = made.lock().await;
        if !*made {
            let anew = [
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name}"),
            ];
            admin::run(anew.into()).await?;
            setup(postgres().url(&name))
                .await
                .with_context(|| format!("set up the template {template}"))?;
            close_template(&name).await?;
            *made = true;
        }
        drop(made);
        Self::from(template, &name).await
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// When PostgreSQL returns an error.
    pub async fn empty() -> Result<Self> {
        Self::from("empty", "template0").await
    }

    async fn from(label: &str, template: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{label}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        admin::clone(&name, template).await?;
        Ok(Self { name })
    }

    /// Returns the URL, with the superuser `weir`.
    pub fn url(&self) -> String {
        postgres().url(&self.name)
    }

    /// Opens a connection, which the caller's runtime serves.
    ///
    /// # Errors
    /// When PostgreSQL returns an error.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        admin::drop_later(std::mem::take(&mut self.name));
    }
}

/// Prepares a database to be a template, which must not have connections.
///
/// Refuses new connections, waits for the connections of the setup, and closes the remaining ones.
async fn close_template(name: &str) -> Result<()> {
    admin::run(vec![format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")]).await?;
    let admin = connect(&postgres().url("postgres")).await?;
    let left = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{name}'");
    let gone =
        async || admin.query(&left, &[]).await.is_ok_and(|rows| rows.is_empty()).then_some(());
    if eventually(SETUP_CLOSES, gone).await.is_err() {
        admin
            .batch_execute(&format!("SELECT pg_terminate_backend(pid, 5000) FROM ({left}) AS open"))
            .await?;
    }
    Ok(())
}

/// Returns whether a template exists. Its lock makes other tests wait, on any runtime.
fn template_state(name: &str) -> Arc<tokio::sync::Mutex<bool>> {
    static TEMPLATES: Mutex<Option<HashMap<String, Arc<tokio::sync::Mutex<bool>>>>> =
        Mutex::new(None);
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(templates.get_or_insert_default().entry(name.to_owned()).or_default())
}
