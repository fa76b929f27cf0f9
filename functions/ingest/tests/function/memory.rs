//! Tests that the memory stays below Lambda's smallest size.

use anyhow::Context;
use weir_testkit::{KafkaEvent, Record};

use crate::child::IngestHarness;

/// Memory of Lambda's smallest function, in kB.
const MEMORY_KB_MAX: u64 = 128 * 1024;

/// Returns the maximum memory of the process until now, in kB.
fn peak_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_event_of_6_mb_fits_into_128_mb() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let child = harness.start()?;
    let reading = |n: i64| {
        let at = weir_model::Micros(1_700_000_000_000_000 + n * 1_000_000).rfc3339_millis();
        format!(
            r#"{{"sensor":"speed","value":{n},"timestamp":"{at}","note":"{}"}}"#,
            "x".repeat(230)
        )
    };
    let record = |offset: i64, value: String| Record {
        topic: "readings".into(),
        offset,
        value: value.into(),
        ..Record::default()
    };
    let many =
        KafkaEvent::new((0..10_000).map(|n| record(n, reading(n))).collect::<Vec<_>>()).to_bytes();
    assert!((5_000_000..6_291_456).contains(&many.len()), "{}", many.len());
    harness.deliver(many.clone()).await?;
    harness.deliver(many).await?;
    let large = reading(10_000).replace("xxx", &"y".repeat(55_000));
    let large = KafkaEvent::new(vec![record(10_000, large)]).to_bytes();
    assert!((5_000_000..6_291_456).contains(&large.len()), "{}", large.len());
    harness.deliver(large).await?;
    assert_eq!(harness.count("SELECT count(*) FROM readings").await?, 10_001);
    let peak = peak_kb(child.id().context("it runs")?)?;
    println!("peak memory {} MB", peak / 1024);
    assert!(peak < MEMORY_KB_MAX, "{peak} kB");
    Ok(())
}
