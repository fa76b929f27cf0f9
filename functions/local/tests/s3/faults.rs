//! Dumps with faults: 5xx, cut connections, a success whose answer is lost, and kills of the
//! program at different moments.

use std::{collections::BTreeMap, process::Stdio, sync::atomic::Ordering, time::Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use weir_blob::{Manifest, ManifestFile, layout};

use crate::{
    common::running::ask_blocking,
    proxy::{Faults, Proxy},
    server::{PREFIX, S3, command, filled, weir},
};

const SPOILT: Faults =
    Faults { unavailable: 30, cut: 5, lost: 5, missing: 0, truncated: 0, slow: 0 };
const EVERY_DAY: [&str; 7] =
    ["dump", "--from", "2026-01-01", "--to", "2026-02-09", "--models", "readings,events"];
/// The same days in four parts.
const PARTS: [(&str, &str); 4] = [
    ("2026-01-01", "2026-01-10"),
    ("2026-01-11", "2026-01-20"),
    ("2026-01-21", "2026-01-30"),
    ("2026-01-31", "2026-02-09"),
];

/// Checks that every object with a final name is the complete correct file, with or without a
/// manifest.
fn nothing_is_wrong(s3: &S3, right: &BTreeMap<String, Manifest>) -> Result<()> {
    s3.manifests()?;
    let files: BTreeMap<String, &ManifestFile> = right
        .values()
        .flat_map(|manifest| manifest.files.iter().map(|file| (manifest.path(file), file)))
        .collect();
    for (name, path) in s3.objects()?.iter().filter(|(name, _)| layout::has_rows(name)) {
        let wanted = name.strip_prefix(PREFIX).and_then(|name| files.get(name));
        let wanted = wanted.with_context(|| name.clone())?;
        ensure!(crate::server::sha256(path)? == wanted.sha256, "{name} is wrong or a part");
    }
    Ok(())
}

/// Dumps forty days of readings and of the log five times, with kills: more than 200 dumps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn no_fault_leaves_a_wrong_file() -> Result<()> {
    let s3 = S3::start()?;
    let (database, _sql) = filled().await?;
    let clean = weir(&s3.url, &database, &EVERY_DAY).await?;
    assert_eq!(clean.code, Some(0), "{clean:?}");
    let mut right = s3.manifests()?;
    assert_eq!(right.len(), 80);
    for manifest in right.values_mut() {
        manifest.dumped_at = String::new();
    }

    let proxy = Proxy::start(&s3.url, SPOILT, 7).await?;
    let mut dumped = 0;
    for round in 0..3 {
        // The dumps mostly wait for their next retry, so several run at once.
        let dump = async |(from, to)| {
            weir(
                &proxy.url,
                &database,
                &["dump", "--from", from, "--to", to, "--models", "readings,events"],
            )
            .await
        };
        for ended in try_join_all(PARTS.map(dump)).await? {
            dumped += ended.stdout.lines().filter(|l| l.starts_with("dumped ")).count();
            nothing_is_wrong(&s3, &right).with_context(|| format!("round {round}: {ended:?}"))?;
        }
    }
    let (requests, spoilt) =
        (proxy.requests.load(Ordering::Relaxed), proxy.spoilt.load(Ordering::Relaxed));
    println!("{dumped} dumps through faults, {spoilt} of {requests} requests spoilt");
    assert!(dumped >= 200, "{dumped} of 240 dumps went through");
    assert!(spoilt * 10 > requests * 3, "{spoilt} of {requests}");

    // The kills are spread evenly over the time of the long day's dump, so that they hit each
    // phase.
    let long = ["dump", "--dump-date", "2026-01-01", "--models", "events"];
    let begun = Instant::now();
    assert_eq!(weir(&s3.url, &database, &long).await?.code, Some(0));
    let step = begun.elapsed() / 40;
    let mut killed = 0;
    for n in 0..40 {
        let mut child = command(&s3.url, &database, &long)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        tokio::time::sleep(step * n).await;
        let _ = child.kill();
        let status = ask_blocking(move || child.wait()).await?;
        killed += usize::from(!status.success());
        nothing_is_wrong(&s3, &right).with_context(|| format!("killed {n}"))?;
    }
    println!("{killed} of 40 killed");

    let again = weir(&s3.url, &database, &EVERY_DAY).await?;
    assert_eq!(again.code, Some(0), "{again:?}");
    let mut all = s3.manifests()?;
    for manifest in all.values_mut() {
        manifest.dumped_at = String::new();
    }
    assert_eq!(all, right, "byte for byte, but for the time");
    assert_eq!(s3.left_parts()?, Vec::<String>::new(), "no upload is left behind");
    Ok(())
}
