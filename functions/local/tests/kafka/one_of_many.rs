//! Thirty topics, of which one was recreated, one is compressed with zstd, one has ids that are too
//! long, and one is forbidden. No topic stops another one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use weir_testkit::{Database, eventually};

use crate::{
    apache::ApacheKafka,
    common::{
        Folder, Running, command,
        running::{PATIENCE, count, until_count},
        weir,
    },
};

const TOPICS: usize = 30;
const RECORDS: usize = 100;
const LIMIT: Duration = Duration::from_secs(20);

/// The authorizer allows everything that no rule forbids.
const AUTHORIZER: &str = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
    allow.everyone.if.no.acl.found=true\nsuper.users=User:nobody\n";

fn topic(number: usize) -> String {
    match number {
        0 => "recreated".to_owned(),
        1 => "zstd".to_owned(),
        2 => "long".to_owned(),
        3 => "forbidden".to_owned(),
        _ => format!("plain-{number}"),
    }
}

async fn send(
    kafka: &ApacheKafka,
    topic: &str,
    compression: &str,
    values: impl Iterator<Item = String>,
) -> Result<()> {
    let producer: FutureProducer =
        kafka.client().set("compression.type", compression).set("linger.ms", "20").create()?;
    let sent = values.map(|value| {
        let producer = producer.clone();
        let topic = topic.to_owned();
        async move {
            producer
                .send(FutureRecord::<(), _>::to(&topic).payload(&value), LIMIT)
                .await
                .map_err(|(error, _)| error)
        }
    });
    futures_util::future::try_join_all(sent).await?;
    Ok(())
}

fn value(topic: &str, number: usize) -> String {
    json!({"topic": topic, "number": number, "text": "x".repeat(300)}).to_string()
}

fn too_long(number: usize) -> Value {
    // The text is random enough that compression does not make it short.
    let id: String = (0..4_000_usize)
        .map(|n| {
            char::from(
                b'a' + u8::try_from((n * n * 31 + n * 7 + number * 131) % 26).unwrap_or_default(),
            )
        })
        .collect();
    json!({"specversion": "1.0", "id": id, "source": "/tests", "type": "order", "data": {"number": number}})
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn no_topic_stops_another() -> Result<()> {
    let (kafka, database) =
        tokio::try_join!(ApacheKafka::start_with(AUTHORIZER), Database::empty())?;
    for number in 0..TOPICS {
        kafka.create_topic(&topic(number), 1, &[]).await?;
    }
    let bound: Vec<String> =
        (0..TOPICS).map(|number| format!("{}=events", topic(number))).collect();
    let (address, url, folder, bound) =
        (kafka.address(), database.url(), Folder::new()?, bound.join(","));
    let own = ["--kafka", &address, "--database-url", &url, "--topics", &bound];
    let data_dir = folder.arg();
    let running = Running::of(command(
        crate::PROGRAM,
        &[&own[..], &["--data-dir", &data_dir, "--port", "0", "--lanes", "2"]].concat(),
    ))
    .await?;
    let sql = database.client().await?;
    send(&kafka, "recreated", "none", (0..RECORDS).map(|n| value("recreated", n))).await?;
    until_count(&sql, "SELECT count(*) FROM events", i64::try_from(RECORDS)?)
        .await
        .with_context(|| running.stderr())?;

    kafka.forbid("forbidden").await?;
    kafka.delete_topic("recreated").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    kafka.create_topic("recreated", 1, &[]).await?;
    send(&kafka, "recreated", "none", (0..2 * RECORDS).map(|n| value("another", n))).await?;
    let long: Vec<Value> = (0..500).map(too_long).collect();
    let kind = ["Content-Type: application/cloudevents-batch+json"];
    let taken =
        running.post_with(&kind, "/events/long", json!(long).to_string().as_bytes()).await?;
    assert_eq!(taken.status, 202, "{taken:?}");
    send(&kafka, "zstd", "zstd", (0..RECORDS).map(|n| value("zstd", n))).await?;
    for number in 4..TOPICS {
        send(&kafka, &topic(number), "lz4", (0..RECORDS).map(|n| value(&topic(number), n))).await?;
    }
    let sent = Instant::now();
    let whole = i64::try_from((TOPICS - 3) * RECORDS)?;
    let of_others = "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.topic = 'zstd' OR s.topic LIKE 'plain-%'";
    until_count(&sql, of_others, whole).await.with_context(|| running.stderr())?;
    let took = sent.elapsed();
    eprintln!(
        "the zstd topic and the other 26 arrived {} ms after the last was sent",
        took.as_millis()
    );
    ensure!(took < Duration::from_secs(5), "{took:?}");

    let named = async || {
        let health: Value = running.json("/healthz").await.ok()?;
        let names = |topic: &str| {
            health["reasons"].as_array()?.iter().find(|reason| reason["topic"] == topic).cloned()
        };
        let both = names("recreated").zip(names("forbidden"));
        both.filter(|_| health["status"] == "degraded").map(|_| health)
    };
    let health = eventually(PATIENCE, named).await.with_context(|| running.stderr())?;
    eprintln!("{health:#}");
    let metrics = running.get("/metrics").await?.body;
    ensure!(
        metrics.contains(r#"weir_health_reason{kind="topic",topic="forbidden",partition=""} 1"#),
        "{metrics}"
    );

    // `reconcile` reports these two topics, and compares the others.
    let said = weir(&[&["reconcile"], &own[..]].concat()).await?;
    assert_eq!(said.code, Some(1), "{said:?}");
    ensure!(
        said.stdout.contains("unread   forbidden: ")
            && said.stdout.contains("other    recreated-0 offsets 0 to 99: "),
        "{said:?}"
    );
    ensure!(said.stdout.contains("0 missing, 0 lost, 0 not yet read"), "{said:?}");

    until_count(&sql, "SELECT count(*) FROM failures WHERE error_class = 'too_long'", 500)
        .await
        .with_context(|| running.stderr())?;
    let listed = weir(&["failures", "list", "--database-url", &url]).await?;
    ensure!(listed.stdout.contains("too_long"), "{listed:?}");

    // This is the remedy that the report names. The running weir then stores all records of the new
    // topic.
    let reset = weir(&[&["topic", "reset", "recreated", "--yes"], &own[..]].concat()).await?;
    assert_eq!(reset.code, Some(0), "{reset:?}");
    let of_new = "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.topic = 'recreated' AND s.epoch = 1";
    until_count(&sql, of_new, i64::try_from(2 * RECORDS)?)
        .await
        .with_context(|| running.stderr())?;
    assert_eq!(count(&sql, "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.topic = 'forbidden'").await?, 0);
    Ok(())
}
