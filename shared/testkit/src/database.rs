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

/// How long the connections of a template's setup may take to close by themselves.
const SETUP_CLOSES: Duration = Duration::from_secs(1);

/// An empty or migrated database of one test; dropped some time after this value is.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// A database that looks as `setup` left the template of this name. `setup` gets the
    /// template's URL and runs once per test program and name, on the caller's runtime; when it
    /// fails, the next caller tries again.
    ///
    /// # Errors
    /// When `setup` fails, the name holds anything but `a-z`, `0-9` and `_`, or PostgreSQL refuses.
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

    /// A database with nothing in it.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn empty() -> Result<Self> {
        Self::from("empty", "template0").await
    }

    async fn from(label: &str, template: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{label}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        admin::clone(&name, template).await?;
        Ok(Self { name })
    }

    /// The URL, as the superuser `weir`.
    pub fn url(&self) -> String {
        postgres().url(&self.name)
    }

    /// A new connection, served by the caller's runtime.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn client(&self) -> Result<Client> {
        connect(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        admin::drop_later(std::mem::take(&mut self.name));
    }
}

/// A database with connections cannot be a template: keeps new ones out, waits for the setup's
/// own, and ends what stays.
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

/// Whether a template is made; its lock makes the other tests wait, on whatever runtime.
fn template_state(name: &str) -> Arc<tokio::sync::Mutex<bool>> {
    static TEMPLATES: Mutex<Option<HashMap<String, Arc<tokio::sync::Mutex<bool>>>>> =
        Mutex::new(None);
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(templates.get_or_insert_default().entry(name.to_owned()).or_default())
}
