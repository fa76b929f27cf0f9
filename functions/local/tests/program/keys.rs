//! API keys: created, shown once, required, revoked.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use weir_testkit::eventually;

use crate::common::{Ended, Folder, Running, command, running::PATIENCE, weir};

const BASIC: &str = r#"www-authenticate: basic realm="weir", charset="utf-8""#;
const BEARER: &str = r#"www-authenticate: bearer realm="weir""#;

async fn new(file: &Path, args: &[&str]) -> Result<Ended> {
    let file = file.display().to_string();
    weir(&[&["keys", "new", "--api-keys-file", &file], args].concat()).await
}

/// Creates a key and returns it: the last line of the output.
async fn key(file: &Path, args: &[&str]) -> Result<String> {
    let ended = new(file, args).await?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let (said, key) = ended
        .stdout
        .strip_suffix('\n')
        .and_then(|text| text.rsplit_once('\n'))
        .context("two lines")?;
    assert!(!said.contains("weir_") && key.starts_with("weir_") && key.len() == 48, "{ended:?}");
    assert!(key[5..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{key}");
    Ok(key.to_owned())
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

fn basic(name: &str, password: &str) -> String {
    format!(
        "Authorization: Basic {}",
        base64_simd::STANDARD.encode_to_string(format!("{name}:{password}"))
    )
}

fn mode(file: &Path) -> Result<u32> {
    Ok(fs::metadata(file)?.permissions().mode() & 0o7777)
}

/// Checks for exactly one line with this text.
fn assert_refused(ended: &Ended, says: &str) {
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.lines().count()),
        (Some(2), "", 1),
        "{ended:?}"
    );
    assert!(ended.stderr.starts_with("weir: ") && ended.stderr.contains(says), "{says}: {ended:?}");
}

#[tokio::test]
async fn a_new_key_is_printed_once_and_kept_as_its_hash() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("keys");
    let first = key(&file, &["--scope", "read"]).await?;
    assert_eq!(mode(&file)?, 0o600);
    let second = key(&file, &["--scope", "write,read", "--scope", "read", "--name", "ci"]).await?;
    assert_ne!(first, second);
    let text = fs::read_to_string(&file)?;
    assert!(!text.contains("weir_"), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("key-") && lines[0].contains(" read sha256:"),
        "{text}"
    );
    let hash = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$0\" | sha256sum", &second])
        .output()?;
    let hash = String::from_utf8(hash.stdout)?.split(' ').next().context("a hash")?.to_owned();
    assert_eq!(lines[1], format!("ci read,write sha256:{hash}"));

    let listed = weir(&["keys", "list", "--api-keys-file", &file.display().to_string()]).await?;
    let words: Vec<&str> = listed.stdout.split_whitespace().collect();
    assert_eq!(
        (listed.code, words[1..].join(" ")),
        (Some(0), "read ci read,write".to_owned()),
        "{listed:?}"
    );
    let file = file.display().to_string();
    let listed = weir(&["keys", "list", "--json", "--api-keys-file", &file]).await?;
    let keys: Value = serde_json::from_str(&listed.stdout)?;
    assert_eq!(keys[1], json!({"name": "ci", "scopes": ["read", "write"]}), "{keys}");
    Ok(())
}

#[tokio::test]
async fn a_key_is_added_to_an_existing_list() -> Result<()> {
    let folder = Folder::new()?;
    let (file, link) = (folder.above().join("keys"), folder.above().join("link"));
    // The file has no line break at its end, is readable by a group, and is reached through a link.
    let before = format!("# ours\n\nold admin sha256:{} # until May", "a".repeat(64));
    fs::write(&file, &before)?;
    fs::set_permissions(&file, PermissionsExt::from_mode(0o640))?;
    symlink(&file, &link)?;
    key(&link, &["--scope", "read", "--name", "new"]).await?;
    let text = fs::read_to_string(&file)?;
    let added = text.strip_prefix(&before).context("it is kept")?;
    assert!(added.starts_with("\nnew read sha256:") && added.ends_with('\n'), "{text}");
    assert!(fs::symlink_metadata(&link)?.is_symlink() && mode(&file)? == 0o640);
    let names: Vec<PathBuf> =
        fs::read_dir(folder.above())?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    assert_eq!(names.len(), 2, "nothing lies around: {names:?}");

    // Eight keys are added at the same time: no key is lost.
    let all = (0..8).map(|_| new(&file, &["--scope", "read"]));
    for ended in futures_util::future::join_all(all).await {
        assert_eq!(ended?.code, Some(0));
    }
    assert_eq!(fs::read_to_string(&file)?.matches("sha256:").count(), 10);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_a_list_is_left_alone_and_said() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("keys");
    let shown = file.display().to_string();
    assert_refused(&weir(&["keys", "new", "--scope", "read"]).await?, "give --api-keys-file FILE");
    assert_refused(&weir(&["keys", "list"]).await?, "--api-keys-file");
    for (args, says) in [
        (&[][..], "--scope"),
        (&["--scope", "all"], "[possible values: read, write, admin]"),
        (&["--scope", ""], "--scope"),
        (&["--scope", "read", "--name", "My Key"], "1 to 64 characters of a-z, 0-9, _ and -"),
        (&["--scope", "read", "--name", ""], "--name"),
    ] {
        assert_refused(&new(&file, args).await?, says);
    }
    assert!(!file.exists());
    let missing = folder.above().join("missing/keys");
    assert_refused(
        &new(&missing, &["--scope", "read"]).await?,
        &format!("cannot write {}: No such file", missing.display()),
    );
    assert_refused(&new(folder.above(), &["--scope", "read"]).await?, "cannot read");

    key(&file, &["--scope", "read", "--name", "ci"]).await?;
    assert_refused(
        &new(&file, &["--scope", "read", "--name", "ci"]).await?,
        "already has a key called ci: choose another --name",
    );
    let malformed = format!("# ours\nci read sha256:{}\nshop weir_geheim\n", "a".repeat(64));
    fs::write(&file, &malformed)?;
    let says = format!("{shown}:3: a key needs three words on one line");
    let serve = [
        "--data-dir",
        &folder.arg(),
        "--port",
        "0",
        "--kafka-port",
        "0",
        "--api-keys-file",
        &shown,
    ];
    for ended in [
        new(&file, &["--scope", "read"]).await?,
        weir(&["keys", "list", "--api-keys-file", &shown]).await?,
        weir(&serve).await?,
        weir(&[&serve[..], &["--host", "0.0.0.0"]].concat()).await?,
    ] {
        assert_refused(&ended, &says);
        assert!(!ended.stderr.contains("geheim"), "{ended:?}");
    }
    assert_eq!(fs::read_to_string(&file)?, malformed);
    fs::write(&file, "# nobody\n")?;
    assert_refused(
        &weir(&[&serve[..], &["--host", "0.0.0.0"]].concat()).await?,
        "has no key: create one with `weir keys new",
    );
    assert!(!folder.data().exists(), "nothing was made before it was known that it works");
    Ok(())
}

#[tokio::test]
async fn with_keys_any_address_is_served_and_they_are_asked_for() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("keys");
    let shown = file.display().to_string();
    let reader = key(&file, &["--scope", "read", "--name", "reader"]).await?;
    let writer = key(&file, &["--scope", "write", "--name", "writer"]).await?;
    let weir = Running::start(&folder, &["--host", "0.0.0.0", "--api-keys-file", &shown]).await?;
    let banner = weir.stdout();
    assert!(
        banner.contains(&format!(
            "  access      API keys with the scopes read,write: 2 in {shown}\n"
        )),
        "{banner}"
    );
    assert!(
        banner.contains(&format!("  curl -u KEY: http://0.0.0.0:{}/v1/events", weir.http)),
        "{banner}"
    );

    for good in [bearer(&reader), basic(&reader, ""), basic(&reader, "anything:at all")] {
        assert_eq!(weir.get_with(&[&good], "/v1/events").await?.status, 200, "{good}");
    }
    let wrong = "weir_".to_owned() + &"A".repeat(43);
    let (stranger, password, twice) = (bearer(&wrong), basic("user", &reader), bearer(&reader));
    for bad in
        [&[][..], &[stranger.as_str()], &[password.as_str()], &[twice.as_str(), twice.as_str()]]
    {
        let answer = weir.get_with(bad, "/v1/events").await?;
        assert!(
            answer.status == 401 && answer.head.contains(BASIC) && answer.head.contains(BEARER),
            "{answer:?}"
        );
        assert_eq!(answer.json()?["code"], "UNAUTHORIZED");
    }
    let answer = weir.get_with(&[&bearer(&writer)], "/v1/events").await?;
    assert_eq!(
        (answer.status, &answer.json()?["detail"]),
        (403, &"this request needs the scope read, but the key writer has write".into())
    );
    for open in ["/", "/ping", "/livez", "/readyz", "/healthz"] {
        assert_eq!(weir.get(open).await?.status, 200, "{open}");
    }
    let ended = weir.interrupt().await?;
    let requests: Vec<&str> =
        ended.stderr.lines().filter(|line| line.contains("path=\"/v1/events\"")).collect();
    let of = |key: &str| requests.iter().filter(|line| line.contains(key)).count();
    assert_eq!((of("key=reader"), of("key=writer"), requests.len()), (3, 1, 8), "{}", ended.stderr);
    for key in [&reader, &writer, &wrong] {
        assert!(
            !ended.stderr.contains(key.as_str()) && !ended.stdout.contains(key.as_str()),
            "a key was printed"
        );
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_added_and_revoked_while_it_runs() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("keys");
    let first = key(&file, &["--scope", "read", "--name", "first"]).await?;
    // When API keys are configured, loopback connections need one too.
    let weir = Running::start(&folder, &["--api-keys-file", &file.display().to_string()]).await?;
    let becomes = async |key: &str, status: u16| {
        let shown = bearer(key);
        let asked = async || {
            weir.get_with(&[&shown], "/build")
                .await
                .ok()
                .filter(|answer| answer.status == status)
                .map(drop)
        };
        eventually(PATIENCE, asked).await.with_context(|| format!("{status}: {}", weir.stderr()))
    };
    becomes(&first, 200).await?;
    assert_eq!(weir.get("/build").await?.status, 401);
    let second = key(&file, &["--scope", "admin", "--name", "second"]).await?;
    becomes(&second, 200).await?;
    becomes(&first, 200).await?;
    let text = fs::read_to_string(&file)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("first ")).collect();
    fs::write(&file, kept.join("\n"))?;
    becomes(&first, 401).await?;
    becomes(&second, 200).await?;
    fs::write(&file, "second is gone\n")?;
    let said = eventually(PATIENCE, async || {
        becomes(&second, 200).await.ok()?;
        weir.stderr()
            .contains("cannot read the changed API keys; the earlier keys stay valid")
            .then_some(())
    });
    said.await?;
    fs::write(&file, "")?;
    becomes(&second, 401).await?;
    Ok(())
}

#[tokio::test]
async fn without_keys_loopback_is_served_and_that_is_said() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    let banner = weir.stdout();
    assert!(
        banner.contains(
            "  access      no API keys: all requests to this loopback address are served without a key\n"
        ),
        "{banner}"
    );
    assert_eq!(weir.get("/build").await?.status, 200);
    Ok(())
}

/// A mock Secrets Manager with one secret.
async fn secrets_manager(text: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = vec![0; 16 * 1024];
            let _ = socket.read(&mut asked).await;
            let body =
                serde_json::json!({"ARN": "arn:aws:x", "Name": "keys", "SecretString": text})
                    .to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\nContent-Length: ";
            let _ =
                socket.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await;
        }
    });
    Ok(url)
}

#[tokio::test]
async fn a_secret_holds_the_same_list() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("keys");
    let key = key(&file, &["--scope", "read", "--name", "ci"]).await?;
    let with_secret = |url: &str, args: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_weir"), args);
        let aws = [
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "geheim"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL", url),
        ];
        command
            .envs(aws)
            .env("API_KEYS_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:1:secret:keys");
        command
    };
    let data = folder.arg();
    let serve = [
        "--data-dir",
        &data,
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--kafka-port",
        "0",
        "--no-sample",
    ];
    let url = secrets_manager(fs::read_to_string(&file)?).await?;
    let listed = crate::common::ended(with_secret(&url, &["keys", "list"])).await?;
    assert_eq!(
        (listed.code, listed.stdout.split_whitespace().collect::<Vec<_>>()),
        (Some(0), vec!["ci", "read"]),
        "{listed:?}"
    );
    let weir = Running::of(with_secret(&url, &serve)).await?;
    assert_eq!(weir.get_with(&[&bearer(&key)], "/build").await?.status, 200);
    assert_eq!(weir.get("/build").await?.status, 401);
    drop(weir);

    let malformed = secrets_manager(format!("ci read {key}")).await?;
    let ended = crate::common::ended(with_secret(&malformed, &serve)).await?;
    assert_refused(&ended, "secret:keys, line 1: the third word must be sha256:");
    assert!(!ended.stderr.contains(&key), "{ended:?}");
    let away = crate::common::ended(with_secret("http://127.0.0.1:1", &serve)).await?;
    assert_eq!((away.code, away.stderr.lines().count()), (Some(1), 1), "{away:?}");
    assert!(
        away.stderr.contains("cannot read the API keys: cannot read secret arn:aws")
            && !away.stderr.contains("geheim"),
        "{away:?}"
    );
    Ok(())
}
