//! Brokers with TLS and SASL. Weir reads topic ids and leader epochs from them, and names the
//! reason when a broker rejects the connection.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use axum::{Json, Router, routing::post};
use base64_simd::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::json;
use weir_kafka::{TopicPartition, TopicState, create_missing, epoch_ends, identify};
use weir_testkit::{eventually, free_port};

use crate::{
    apache::ApacheKafka,
    common::{
        folder::signal,
        running::{PATIENCE, ask_blocking},
        weir,
    },
    identity::World,
};

const USER: &str = "weir";
const PASSWORD: &str = "hunter2-of-kafka";
/// Both, as a client sends them to an OIDC provider.
const BASIC: &str = "Basic d2VpcjpodW50ZXIyLW9mLWthZmth";
/// The curve of the keys.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

struct SecuredKafka {
    kafka: ApacheKafka,
    dir: tempfile::TempDir,
    sasl_ssl: u16,
    sasl_plaintext: u16,
    ssl: u16,
}

impl SecuredKafka {
    async fn start() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("weir-certificates-").tempdir()?;
        certificate(dir.path(), "ca", &[])?;
        let issued =
            ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"];
        for name in ["broker", "client"] {
            certificate(dir.path(), name, &issued)?;
        }
        let broker =
            ["broker.key", "broker.crt"].map(|name| fs::read_to_string(dir.path().join(name)));
        let [key, chain] = broker;
        fs::write(dir.path().join("broker.pem"), key? + &chain?)?;
        let (sasl_ssl, sasl_plaintext, ssl) = (free_port()?, free_port()?, free_port()?);
        let listeners = format!(
            ",SASL_SSL://localhost:{sasl_ssl},SASL_PLAINTEXT://localhost:{sasl_plaintext},SSL://localhost:{ssl}"
        );
        let path = dir.path().display();
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        let plain = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";"
        );
        let oauth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"weir\";";
        let properties = format!(
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
             ssl.keystore.type=PEM\nssl.keystore.location={path}/broker.pem\n\
             ssl.truststore.type=PEM\nssl.truststore.location={path}/ca.crt\n\
             listener.name.ssl.ssl.client.auth=required\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.sasl_plaintext.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             listener.name.sasl_ssl.plain.sasl.jaas.config={plain}\n\
             listener.name.sasl_ssl.oauthbearer.sasl.jaas.config={oauth}\n\
             listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram}\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}\n\
             listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram}\n"
        );
        let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .map(|mechanism| format!("{mechanism}=[name={USER},password={PASSWORD}]"));
        let format = ["--add-scram", &users[0], "--add-scram", &users[1]];
        let kafka = ApacheKafka::start_listening(&listeners, &properties, &format).await?;
        Ok(Self { kafka, dir, sasl_ssl, sasl_plaintext, ssl })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Returns the properties of a user on the listener with TLS and SASL.
    fn sasl_ssl(&self, mechanism: &str) -> BTreeMap<String, String> {
        let mut properties = login("SASL_SSL", mechanism);
        properties.insert("ssl.ca.location".into(), self.path("ca.crt"));
        properties
    }
}

/// Creates NAME.crt and NAME.key by the command `openssl`.
fn certificate(dir: &Path, name: &str, more: &[&str]) -> Result<()> {
    let (subject, key, file) =
        (format!("/CN={name}"), format!("{name}.key"), format!("{name}.crt"));
    let own = ["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &file];
    let made = Command::new("openssl").args(own).args(KEY).args(more).current_dir(dir).output();
    let made = made.context("openssl cannot be run: apt-get install openssl")?;
    ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

fn login(protocol: &str, mechanism: &str) -> BTreeMap<String, String> {
    [
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism),
        ("sasl.username", USER),
        ("sasl.password", PASSWORD),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn with(
    mut properties: BTreeMap<String, String>,
    more: &[(&str, &str)],
) -> BTreeMap<String, String> {
    properties.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    properties
}

/// Stores records over SASL and TLS as a user does. Then the topic is recreated while weir is down,
/// with as many and with more records. The contradiction is reported by the topic ids.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_topic_made_again_behind_sasl_and_tls() -> Result<()> {
    for records in [100, 200] {
        let secured = SecuredKafka::start().await?;
        let (bootstrap, properties) =
            (format!("localhost:{}", secured.sasl_ssl), secured.sasl_ssl("SCRAM-SHA-512"));
        let world = World::over(vec![secured.kafka]).await?.with_security(&bootstrap, &properties);
        let kafka = &world.kafka[0];
        kafka.create_topic("orders", 1, &[]).await?;
        let running = world.start().await?;
        world.send("old", 0..98).await?;
        let url = format!("http://localhost:{}", running.http);
        let sent =
            weir(&["send", "--topic", "orders", "--url", &url, "-d", "{\"old\": 98}"]).await?;
        ensure!(sent.code == Some(0), "{sent:?}");
        fs::create_dir(secured.dir.path().join("files"))?;
        fs::write(secured.dir.path().join("files/orders.ndjson"), "{\"old\": 99}\n")?;
        let files = secured.dir.path().join("files").display().to_string();
        let collected = world.run(&["collect", &files, "--files", "=orders"]).await?;
        ensure!(collected.code == Some(0), "{collected:?}");
        world.until_stored(&running, 0, 100).await?;
        let ended = running.interrupt().await?;
        ensure!(!ended.stderr.contains("without topic ids"), "{}", ended.stderr);
        let clean = world.run(&["reconcile"]).await?;
        ensure!(clean.code == Some(0), "{clean:?}");

        kafka.delete_topic("orders").await?;
        let make = async || kafka.create_topic("orders", 1, &[]).await.ok();
        eventually(PATIENCE, make).await?;
        world.send("new", 0..records).await?;
        let now = identify(&bootstrap, &properties, &["orders".to_owned()]).await?;
        let id = now[0].id.clone().context("the broker tells no id")?;
        let running = world.start().await?;
        world.named_until_reset(running, &id, records).await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn every_supported_security_reads_ids_and_leader_epochs() -> Result<()> {
    let secured = SecuredKafka::start().await?;
    secured.kafka.create_topic("orders", 1, &[]).await?;
    let orders = ["orders".to_owned()];
    let plain = identify(&secured.kafka.address(), &BTreeMap::new(), &orders).await?;
    ensure!(plain[0].id.is_some() && !plain[0].leaders.is_empty(), "{plain:?}");
    let ca = fs::read_to_string(secured.path("ca.crt"))?;
    let (sasl_ssl, ssl) = (secured.sasl_ssl, secured.ssl);
    let (certificate, key) = (secured.path("client.crt"), secured.path("client.key"));
    let client = [
        ("security.protocol", "ssl"),
        ("ssl.ca.pem", &ca),
        ("ssl.certificate.location", &certificate),
        ("ssl.key.location", &key),
    ];
    let unverified = [("enable.ssl.certificate.verification", "false")];
    let other_name = [("ssl.endpoint.identification.algorithm", "none")];
    let cases = [
        (format!("localhost:{sasl_ssl}"), secured.sasl_ssl("PLAIN")),
        (format!("localhost:{sasl_ssl}"), secured.sasl_ssl("SCRAM-SHA-256")),
        (format!("localhost:{sasl_ssl}"), with(login("SASL_SSL", "SCRAM-SHA-512"), &unverified)),
        (format!("127.0.0.1:{sasl_ssl}"), with(secured.sasl_ssl("PLAIN"), &other_name)),
        (format!("localhost:{}", secured.sasl_plaintext), login("SASL_PLAINTEXT", "SCRAM-SHA-512")),
        (format!("localhost:{ssl}"), with(BTreeMap::new(), &client)),
    ];
    for (number, (address, properties)) in cases.iter().enumerate() {
        let named = || format!("{address} {:?}", properties.keys());
        let found = identify(address, properties, &orders).await.with_context(named)?;
        assert_eq!(found, plain, "{address}");
        let at = TopicPartition::new("orders", 0);
        let epoch = plain[0].leaders[&0].epoch;
        let ends = epoch_ends(address, properties, vec![(at, epoch)]).await?;
        assert_eq!(ends, [Ok(Some(0))], "{address}");
        let topic = [format!("new-{number}"), "orders".to_owned()];
        let made = create_missing(address, properties, &topic, 1).await.with_context(named)?;
        assert_eq!(made, topic[..1], "{address}");
    }
    Ok(())
}

/// Only librdkafka supports a list of ciphers, so weir reads the topic without its id.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_property_that_only_librdkafka_supports_is_logged_once() -> Result<()> {
    let secured = SecuredKafka::start().await?;
    let properties = with(secured.sasl_ssl("SCRAM-SHA-512"), &[("ssl.cipher.suites", "HIGH")]);
    let address = format!("localhost:{}", secured.sasl_ssl);
    let topics = ["orders".to_owned(), "absent".to_owned()];
    let made = create_missing(&address, &properties, &topics[..1], 1).await?;
    assert_eq!(made, ["orders"]);
    let again = create_missing(&address, &properties, &topics[..1], 1).await?;
    assert_eq!(again, Vec::<String>::new());
    let found = identify(&address, &properties, &topics).await?;
    let states: Vec<_> = found.iter().map(|topic| topic.state.clone()).collect();
    assert_eq!(states, [TopicState::There, TopicState::Absent]);
    assert!(found.iter().all(|topic| topic.id.is_none()), "{found:?}");

    let world = World::over(vec![secured.kafka]).await?.with_security(&address, &properties);
    let running = world.start().await?;
    world.send("new", 0..10).await?;
    world.until_stored(&running, 0, 10).await?;
    let told = async || running.stderr().contains("without topic ids").then_some(());
    eventually(PATIENCE, told).await.with_context(|| running.stderr())?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let ended = running.interrupt().await?;
    let lines: Vec<_> =
        ended.stderr.lines().filter(|line| line.contains("without topic ids")).collect();
    ensure!(lines.len() == 1 && lines[0].contains("ssl.cipher.suites"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_rejected_connection_is_one_line_with_host_and_port() -> Result<()> {
    let secured = SecuredKafka::start().await?;
    secured.kafka.create_topic("orders", 1, &[]).await?;
    let wrong = [("sasl.password", "hunter3-of-kafka")];
    let (sasl_ssl, ssl) =
        (format!("localhost:{}", secured.sasl_ssl), format!("localhost:{}", secured.ssl));
    let fit = "does security.protocol fit the port?";
    let cases = [
        (&sasl_ssl, with(secured.sasl_ssl("PLAIN"), &wrong), "refuses the login with PLAIN"),
        (
            &sasl_ssl,
            with(secured.sasl_ssl("SCRAM-SHA-512"), &wrong),
            "refuses the login with SCRAM-SHA-512",
        ),
        (&sasl_ssl, login("SASL_SSL", "PLAIN"), "certificate verify failed"),
        (&sasl_ssl, BTreeMap::new(), fit),
        (&format!("localhost:{}", secured.sasl_plaintext), BTreeMap::new(), fit),
        (
            &format!("localhost:{}", secured.sasl_plaintext),
            login("SASL_PLAINTEXT", "PLAIN"),
            "does not accept PLAIN, but SCRAM-SHA-512",
        ),
        (&ssl, with(secured.sasl_ssl("PLAIN"), &[("security.protocol", "SSL")]), "bad certificate"),
        (
            &format!("127.0.0.1:{}", secured.sasl_ssl),
            secured.sasl_ssl("PLAIN"),
            "certificate verify failed",
        ),
    ];
    for (address, properties, reason) in cases {
        let error = identify(address, &properties, &["orders".to_owned()]).await.unwrap_err();
        let error = error.to_string();
        ensure!(
            error.starts_with(&format!("the Kafka broker did not answer: {address}: ")),
            "{error}"
        );
        ensure!(error.contains(reason) && !error.contains("of-kafka"), "{reason}: {error}");
    }
    let properties = with(secured.sasl_ssl("SCRAM-SHA-512"), &wrong);
    let world = World::over(vec![secured.kafka]).await?.with_security(&sasl_ssl, &properties);
    let named = format!("{sasl_ssl}: the broker refuses the login with SCRAM-SHA-512");
    let log = secured.dir.path().join("log");
    let mut program = world.command();
    let mut program = program.stdout(Stdio::null()).stderr(File::create(&log)?).spawn()?;
    let told = async || fs::read_to_string(&log).ok().filter(|log| log.contains(&named));
    let told = eventually(PATIENCE, told).await;
    let said = world.run(&["reconcile"]).await;
    signal(program.id(), "INT");
    ask_blocking(move || program.wait()).await?;
    told.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    let (said, log) = (said?, fs::read_to_string(&log)?);
    ensure!(log.matches(&named).count() == 1 && !log.contains("of-kafka"), "{log}");
    ensure!(said.code == Some(1) && said.stderr.contains(&named), "{said:?}");
    ensure!(said.stderr.lines().count() == 1 && !said.stderr.contains("of-kafka"), "{said:?}");
    Ok(())
}

/// An OIDC provider whose tokens are valid for seconds. Kafka's default for `OAUTHBEARER` accepts
/// tokens without a signature.
async fn provider(asked: Arc<AtomicUsize>) -> Result<String> {
    let token = async move |headers: HeaderMap, body: String| {
        asked.fetch_add(1, SeqCst);
        let knows = headers.get(AUTHORIZATION).is_some_and(|given| given == BASIC);
        if !knows || body != "grant_type=client_credentials&scope=kafka" {
            let said = json!({"error": "invalid_client", "error_description": "who is it?"});
            return (StatusCode::UNAUTHORIZED, Json(said));
        }
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let claims = json!({"sub": USER, "iat": now, "exp": now + 10, "scope": "kafka"});
        let encoded = [json!({"alg": "none"}), claims]
            .map(|part| URL_SAFE_NO_PAD.encode_to_string(part.to_string()));
        let token = format!("{}.{}.", encoded[0], encoded[1]);
        (
            StatusCode::OK,
            Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 10})),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/token", listener.local_addr()?);
    let routes = Router::new().route("/token", post(token));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

/// Stores records over tokens of an OIDC provider, also after the first token expired. A provider
/// that refuses the client is named, without the secret.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn tokens_of_an_oidc_provider() -> Result<()> {
    let asked = Arc::new(AtomicUsize::new(0));
    let url = provider(Arc::clone(&asked)).await?;
    let secured = SecuredKafka::start().await?;
    let address = format!("localhost:{}", secured.sasl_ssl);
    let mut properties = secured.sasl_ssl("OAUTHBEARER");
    for name in ["sasl.username", "sasl.password"] {
        properties.remove(name);
    }
    let properties = with(
        properties,
        &[
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.token.endpoint.url", &url),
            ("sasl.oauthbearer.client.id", USER),
            ("sasl.oauthbearer.client.secret", PASSWORD),
            ("sasl.oauthbearer.scope", "kafka"),
        ],
    );
    let orders = ["orders".to_owned()];
    assert_eq!(create_missing(&address, &properties, &orders, 1).await?, orders);
    let found = identify(&address, &properties, &orders).await?;
    ensure!(found[0].id.is_some(), "{found:?}");

    let world = World::over(vec![secured.kafka]).await?.with_security(&address, &properties);
    let running = world.start().await?;
    world.send("new", 0..10).await?;
    world.until_stored(&running, 0, 10).await?;
    let before = asked.load(SeqCst);
    let again = async || (asked.load(SeqCst) > before).then_some(());
    eventually(PATIENCE, again).await.context("no client asked for a second token")?;
    let url = format!("http://localhost:{}", running.http);
    let sent = weir(&["send", "--topic", "orders", "--url", &url, "-d", "{}"]).await?;
    ensure!(sent.code == Some(0), "{sent:?}");
    world.until_stored(&running, 0, 11).await?;
    running.interrupt().await?;

    let refused = with(properties, &[("sasl.oauthbearer.client.secret", "hunter3-of-kafka")]);
    let error = identify(&address, &refused, &orders).await.unwrap_err().to_string();
    ensure!(error.contains("401 Unauthorized invalid_client: who is it?"), "{error}");
    ensure!(!error.contains("of-kafka"), "{error}");
    let said = world.with_security(&address, &refused).run(&["reconcile"]).await?;
    ensure!(said.code == Some(1) && said.stderr.contains("invalid_client"), "{said:?}");
    ensure!(said.stderr.lines().count() == 1 && !said.stderr.contains("of-kafka"), "{said:?}");
    Ok(())
}

/// Answers a SCRAM login as a broker that does not know the password.
fn false_broker(mut client: TcpStream) -> std::io::Result<()> {
    let answers: [fn(&str) -> Vec<u8>; 3] = [
        |_| vec![0; 6], // The mechanism is accepted.
        |nonce| sasl(&format!("r={nonce}x,s=c2FsdA==,i=4096")),
        |_| sasl("v=c2lnbmF0dXJl"),
    ];
    for answer in answers {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or_default()];
        client.read_exact(&mut request)?;
        let text = String::from_utf8_lossy(&request).into_owned();
        let body = answer(text.rsplit("r=").next().unwrap_or_default());
        let length = u32::try_from(4 + body.len()).unwrap_or_default().to_be_bytes();
        client.write_all(&[&length[..], &request[4..8], &body].concat())?;
    }
    client.read_to_end(&mut Vec::new()).map(drop)
}

/// Encodes an answer of `SaslAuthenticate` without an error.
fn sasl(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or_default().to_be_bytes();
    [&[0, 0, 0xff, 0xff], &length[..], message.as_bytes()].concat()
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_is_rejected() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || listener.accept().and_then(|(client, _)| false_broker(client)));
    let properties = login("SASL_PLAINTEXT", "SCRAM-SHA-512");
    let error = identify(&address, &properties, &["orders".to_owned()]).await.unwrap_err();
    ensure!(error.to_string().ends_with("the broker does not know the password"), "{error}");
    Ok(())
}
