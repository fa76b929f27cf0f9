//! Tests of the proxy: connections are closed at a chosen message, and a separate connection checks
//! the effect on the server.

use anyhow::Result;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};
use weir_testkit::{Action, Database, PATIENCE, Proxy, Step};

struct ProxyWorld {
    database: Database,
    proxy: Proxy,
    direct: Client,
}

async fn world() -> Result<ProxyWorld> {
    let database = Database::create("proxied", async |url| {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        let served = tokio::spawn(connection);
        client.batch_execute("CREATE TABLE t (n int)").await?;
        drop(client);
        Ok(served.await??)
    })
    .await?;
    let proxy = Proxy::start(&database.url()).await?;
    let direct = database.client().await?;
    Ok(ProxyWorld { database, proxy, direct })
}

impl ProxyWorld {
    async fn client(&self) -> Result<Client> {
        let (client, connection) =
            tokio_postgres::connect(&self.proxy.url(&self.database.url()), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn rows(&self) -> Result<i64> {
        Ok(self.direct.query_one("SELECT count(*) FROM t", &[]).await?.get(0))
    }

    async fn reached(&self) -> Result<()> {
        Ok(timeout(PATIENCE, self.proxy.reached()).await?)
    }
}

#[tokio::test]
async fn messages_and_statements_are_counted() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    world.proxy.forward_all();
    client.batch_execute("-- one\nSELECT 1").await?;
    assert_eq!(world.proxy.frontend_messages(), 1);
    let statement = client.prepare("-- two\nINSERT INTO t VALUES ($1)").await?;
    client.execute(&statement, &[&1]).await?;
    client.execute(&statement, &[&2]).await?;
    assert_eq!(world.proxy.statements(), ["-- one", "-- two"]);
    assert_eq!(world.proxy.executed(), ["-- one", "-- two", "-- two"]);
    assert_eq!(world.rows().await?, 2);
    assert!(!world.proxy.was_reached());
    Ok(())
}

#[tokio::test]
async fn a_commit_cut_off_before_the_server_is_not_done() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    world.proxy.cut_at(Step::Sql("COMMIT".into()), Action::BeforeForward);
    client.batch_execute("BEGIN").await?;
    client.batch_execute("INSERT INTO t VALUES (1)").await?;
    assert!(client.batch_execute("COMMIT").await.is_err());
    world.reached().await?;
    assert_eq!(world.rows().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_done() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    world.proxy.cut_at(Step::Sql("COMMIT".into()), Action::SwallowAnswer);
    client.batch_execute("BEGIN").await?;
    client.execute("INSERT INTO t VALUES ($1)", &[&1]).await?;
    assert!(client.batch_execute("COMMIT").await.is_err());
    world.reached().await?;
    assert_eq!(world.rows().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_prepared_statement_can_be_met_where_it_runs() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    let statement = client.prepare("-- put\nINSERT INTO t VALUES ($1)").await?;
    world.proxy.cut_at(Step::Execute("-- put".into()), Action::SwallowAnswer);
    assert!(client.execute(&statement, &[&1]).await.is_err());
    world.reached().await?;
    assert_eq!(world.rows().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_held_message_waits_until_it_is_released() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    world.proxy.cut_at(Step::Sql("INSERT".into()), Action::Hold);
    let insert =
        tokio::spawn(async move { client.batch_execute("INSERT INTO t VALUES (1)").await });
    world.reached().await?;
    assert_eq!(world.rows().await?, 0);
    assert!(!insert.is_finished());
    world.client().await?.batch_execute("SELECT 1").await?;
    world.proxy.release();
    insert.await??;
    assert_eq!(world.rows().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_comes_back() -> Result<()> {
    let world = world().await?;
    let client = world.client().await?;
    world.proxy.refuse(true);
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(world.client().await.is_err());
    world.proxy.refuse(false);
    world.client().await?.batch_execute("SELECT 1").await?;
    Ok(())
}

/// The main use of this proxy: a transaction with a COPY, closed at each of its messages in turn.
#[tokio::test]
async fn every_message_of_a_copy_can_be_cut_both_ways() -> Result<()> {
    async fn work(client: &Client) -> Result<()> {
        use std::pin::pin;
        client.batch_execute("BEGIN").await?;
        let mut sink = pin!(client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN").await?);
        for line in ["1\n", "2\n"] {
            std::future::poll_fn(|cx| futures_util::Sink::poll_ready(sink.as_mut(), cx)).await?;
            futures_util::Sink::start_send(
                sink.as_mut(),
                bytes::Bytes::from_static(line.as_bytes()),
            )?;
        }
        sink.finish().await?;
        client.batch_execute("COMMIT").await?;
        Ok(())
    }
    let world = world().await?;
    for action in [Action::BeforeForward, Action::SwallowAnswer] {
        let mut kept = Vec::new();
        for number in 1.. {
            world.direct.batch_execute("TRUNCATE t").await?;
            let client = world.client().await?;
            world.proxy.cut_at(Step::Message(number), action);
            let result = timeout(PATIENCE, work(&client)).await?;
            if !world.proxy.was_reached() {
                result?;
                break;
            }
            world.reached().await?;
            assert!(result.is_err(), "message {number}, {action:?}");
            kept.push(world.rows().await?);
        }
        let last = kept.pop();
        assert_eq!(
            last,
            Some(if action == Action::SwallowAnswer { 2 } else { 0 }),
            "the last message is COMMIT"
        );
        assert!(kept.len() > 8, "{} messages", kept.len());
        assert!(kept.iter().all(|rows| *rows == 0), "{kept:?}");
    }
    Ok(())
}
