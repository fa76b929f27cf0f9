//! Files: each byte of a file is in Kafka, in a value or in an unreadable record.

use std::io::Write;

use async_trait::async_trait;
use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
use weir_collect::{
    body::{BodyFault, ByteSource},
    files::{self, File, FileReading},
    intake::{Ended, Report},
};
use weir_model::value::ERROR_HEADER;

use crate::{
    broker::Stored,
    world::{CollectWorld, Plan},
};

struct Pieces(Vec<Bytes>);

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        Ok((!self.0.is_empty()).then(|| self.0.remove(0)))
    }
}

/// Collects a file into the topic `orders`, except the first `done` records. Also returns the
/// number of all records.
async fn collected(
    world: &CollectWorld,
    name: &str,
    bytes: &[u8],
    reading: &FileReading,
    done: u64,
) -> (Report, u64) {
    let target = world.intake.target("orders", None).expect("a topic");
    // The length of the pieces differs in each run.
    let length = 1 + (bytes.len() / 7 + 60 * usize::try_from(done).expect("few")).min(100_000);
    let pieces = bytes.chunks(length).map(Bytes::copy_from_slice).collect();
    let file = File { name: name.to_owned(), version: None, modified_ms: Some(1) };
    let mut all = 0;
    let report =
        files::collect(&target, Box::new(Pieces(pieces)), &file, reading, done, &mut |count| {
            all = count;
        })
        .await;
    (report, all)
}

fn reading(encoding: &'static str) -> FileReading {
    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        reading: FileReading,
    }
    <Args as clap::Parser>::parse_from(["test", "--encoding", encoding]).reading
}

/// Splits the records into values and unreadable ones, each with its bytes and reason.
fn parted(stored: Vec<Stored>) -> (Vec<String>, Vec<(Vec<u8>, String)>) {
    let (bad, good): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|one| one.headers.contains_key(ERROR_HEADER));
    (
        good.into_iter().map(|one| one.value).collect(),
        bad.into_iter().map(|one| (one.bytes, one.headers[ERROR_HEADER].clone())).collect(),
    )
}

async fn of(
    name: &str,
    bytes: &[u8],
    reading: &FileReading,
) -> (Vec<String>, Vec<(Vec<u8>, String)>) {
    let world = CollectWorld::new().await;
    let (report, all) = collected(&world, name, bytes, reading, 0).await;
    assert!(matches!(report.ended, Ended::Whole), "{report:?}");
    let stored = world.stored("orders");
    let (good, bad) = parted(world.stored("orders"));
    assert_eq!(
        (report.accepted, report.kept, all),
        (good.len() as u64, bad.len() as u64, stored.len() as u64),
        "{report:?}"
    );
    assert_eq!(report.invalid_count > 0, !bad.is_empty());
    // A run that continues after `done` records sends the same records from there on. Longer files
    // are left out because the broker drops the oldest records.
    if bytes.len() > 1_000_000 {
        return (good, bad);
    }
    for done in [0, all / 2] {
        let before = world.stored("orders").len();
        let (again, count) = collected(&world, name, bytes, reading, done).await;
        assert_eq!(
            (again.accepted + again.kept, count, again.invalid_count),
            (all - done, all, report.invalid_count),
            "from {done}"
        );
        let new = world.stored("orders").split_off(before);
        // In a damaged gzip file, the length of the pieces decides which compressed bytes are kept.
        if done == 0 || !bytes.starts_with(&[0x1f, 0x8b]) {
            assert_eq!(new, stored[usize::try_from(done).expect("few")..], "from {done}");
        }
    }
    (good, bad)
}

#[track_caller]
fn assert_bad(bad: &[(Vec<u8>, String)], expected: &[(&[u8], &str)]) {
    let shown: Vec<(&[u8], &str)> =
        bad.iter().map(|(bytes, reason)| (bytes.as_slice(), reason.as_str())).collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn good_rows_are_sent_and_bad_ones_are_kept_with_their_line() {
    let utf_8 = FileReading::default();
    let (good, bad) =
        of("d/a.csv", b"id,name\n1,a\n2,b\n\n3\n4,d\n\"5\"x,e\n6,\"\"\n7,\n\"8\n", &utf_8).await;
    let row = |id: &str, name: &str| format!(r#"{{"id":"{id}","name":{name}}}"#);
    assert_eq!(
        good,
        [
            row("1", "\"a\""),
            row("2", "\"b\""),
            row("4", "\"d\""),
            row("6", "\"\""),
            row("7", "null")
        ]
    );
    assert_bad(
        &bad,
        &[
            (b"3", "d/a.csv:5: the row has 1 cells, but the header has 2"),
            (b"\"5\"x,e", "d/a.csv:7: text follows the closing quote of cell 1"),
            (b"\"8\n", "d/a.csv:10: the quote that opens on line 10 is not closed"),
        ],
    );
    let (good, bad) = of("a.csv", b"id,id\n1,2\n", &utf_8).await;
    assert!(good.is_empty());
    assert_bad(&bad, &[(b"id,id\n1,2\n", "a.csv:1: the header has \"id\" twice")]);
    assert_eq!(of("a.tsv", b"a,b\tc\n1\t2\n", &utf_8).await.0, [r#"{"a,b":"1","c":"2"}"#]);
    assert_eq!(
        of("a.csv", b"a;b\r\n12e4567;01234\r\n", &utf_8).await.0,
        [r#"{"a":"12e4567","b":"01234"}"#]
    );
    assert_eq!(of("a.csv", b"", &utf_8).await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn after_invalid_json_the_rest_of_an_array_is_kept() {
    let utf_8 = FileReading::default();
    let (good, bad) = of("a.json", b"[{\"id\":1},\n{\"id\":2},\noops,{\"id\":3}]\n", &utf_8).await;
    assert_eq!(good, [r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_bad(
        &bad,
        &[(
            b"oops,{\"id\":3}]\n",
            "a.json:3: an object must begin with {, but the next character is \"o\"",
        )],
    );
    let (good, bad) = of("a.json", b"[{\"id\":1},{\"id\":", &utf_8).await;
    assert_eq!(good.len(), 1);
    assert_bad(&bad, &[(b"{\"id\":", "a.json:1: the body ends inside an object")]);
    // No bytes are left to keep, but the array is not complete.
    let (_, bad) = of("a.json", b"[{\"id\":1}", &utf_8).await;
    assert_bad(&bad, &[(b"", "a.json:1: the body ends inside an array")]);
}

#[tokio::test]
async fn bytes_that_are_not_text_are_kept_unchanged() {
    let utf_8 = FileReading::default();
    let hint = ": give the encoding of the file (--encoding, ENCODING)";
    let (good, bad) = of("a.csv", b"name\nM\xfcller\nx\n", &utf_8).await;
    assert_eq!(good, [r#"{"name":"x"}"#]);
    assert_bad(&bad, &[(b"M\xfcller", &format!("a.csv:2: the value is not UTF-8{hint}"))]);
    let (good, bad) = of("a.ndjson", b"\"\xfc\"\n{}\n3\xff", &utf_8).await;
    assert_eq!(good, ["{}"]);
    assert_bad(
        &bad,
        &[
            (b"\"\xfc\"", &format!("a.ndjson:1: the value is not UTF-8{hint}")),
            (b"3\xff", &format!("a.ndjson:3: the value is not UTF-8{hint}")),
        ],
    );

    assert_eq!(
        of("a.csv", b"name\nM\xfcller\n", &reading("latin1")).await,
        (vec![r#"{"name":"Müller"}"#.to_owned()], Vec::new())
    );
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let csv = [&b"\xff\xfe"[..], &utf16("näme\r\nM€ller\r\n")].concat();
    assert_eq!(
        of("a.csv", &csv, &utf_8).await,
        (vec![r#"{"näme":"M€ller"}"#.to_owned()], Vec::new())
    );
    let csv = [&b"\xff\xfe"[..], &utf16("a\n1\nä"), &[0, 0xd8], &utf16("x\n3")].concat();
    let (good, bad) = of("a.csv", &csv, &utf_8).await;
    assert_eq!(good, [r#"{"a":"1"}"#, r#"{"a":"3"}"#]);
    assert_bad(
        &bad,
        &[(
            &[&utf16("ä")[..], &[0, 0xd8], &utf16("x")].concat(),
            &format!("a.csv:3: the value is not UTF-16LE{hint}"),
        )],
    );
    let json =
        [&b"\xff\xfe"[..], &utf16("[{\"a\":\"ö\"},{\"a\":\""), &[0, 0xd8], &utf16("\"},{}]")]
            .concat();
    let (good, bad) = of("a.json", &json, &utf_8).await;
    assert_eq!(good, [r#"{"a":"ö"}"#, "{}"]);
    assert_eq!(bad[0].0, [&utf16("{\"a\":\"")[..], &[0, 0xd8], &utf16("\"}")].concat());
    // Without a byte order mark the encoding cannot be detected.
    let (good, bad) = of("a.csv", &utf16("a\n1\n"), &utf_8).await;
    assert!(good.is_empty());
    assert_bad(
        &bad,
        &[(
            &utf16("a\n1\n"),
            "a.csv:1: the file is not text; if it is UTF-16, give the encoding (--encoding, ENCODING)",
        )],
    );
    assert_eq!(of("a.csv", &utf16("a\n1\n"), &reading("utf-16le")).await.0, [r#"{"a":"1"}"#]);
    let (_, bad) = of("a.csv.zst", b"\x28\xb5\x2f\xfd12", &utf_8).await;
    assert_bad(
        &bad,
        &[(
            b"\x28\xb5\x2f\xfd12",
            "a.csv.zst:1: the file is zstd: decompress it first, because only gzip is supported",
        )],
    );
}

#[tokio::test]
async fn what_is_longer_than_a_record_goes_in_parts() {
    let long = format!("\"{}\"", "0123456789".repeat(430_000));
    let text = format!("{{}}\n{long}\n[]\n");
    let (good, bad) = of("a.ndjson", text.as_bytes(), &FileReading::default()).await;
    assert_eq!(good, ["{}", "[]"]);
    let mut parts = bad;
    let number = |reason: &str| {
        reason.rsplit_once(", part ").expect("a part").1.parse::<u32>().expect("a number")
    };
    parts.sort_by_key(|(_, reason)| number(reason));
    assert!(parts.iter().all(|(bytes, reason)| bytes.len() <= 512 * 1024
        && reason.starts_with("a.ndjson:2: the value is longer than 4194304 bytes, part ")));
    assert_eq!(
        parts.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<u8>>(),
        long.as_bytes()
    );
    // A header of that length is refused, so the records after it cannot be read.
    let text = format!("{long}\n1\n");
    let (good, bad) = of("a.csv", text.as_bytes(), &FileReading::default()).await;
    assert!(
        good.is_empty() && bad[0].1.starts_with("a.csv:1: the header is longer than"),
        "{}",
        bad[0].1
    );
    assert_eq!(bad.iter().map(|(bytes, _)| bytes.len()).sum::<usize>(), text.len());
}

#[tokio::test]
async fn what_kafka_takes_in_no_one_record_goes_in_smaller_parts() {
    let world = CollectWorld::of(Plan {
        properties: vec![("message.max.bytes", "100000")],
        ..Plan::default()
    })
    .await;
    let long = format!("\"{}\"", "0123456789".repeat(40_000));
    let text = format!("{{}}\n{long}\n[]\n");
    let (report, all) =
        collected(&world, "a.ndjson", text.as_bytes(), &FileReading::default(), 0).await;
    assert!(
        matches!(report.ended, Ended::Whole) && report.invalid_count == 1 && all == 3,
        "{report:?}"
    );
    let (good, bad) = parted(world.stored("orders"));
    assert_eq!(good, ["{}", "[]"]);
    assert_eq!(bad.iter().map(|(bytes, _)| bytes.len()).sum::<usize>(), long.len());
    assert!(
        bad.iter()
            .all(|(_, reason)| reason
                .starts_with("a.ndjson:2: the value is larger than Kafka accepts")),
        "{}",
        bad[0].1
    );
}

#[tokio::test]
async fn what_the_broker_refuses_goes_in_smaller_parts() {
    // The broker refuses the value, and then its first part.
    let errors = vec![RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 2];
    let world = CollectWorld::of(Plan { errors, ..Plan::default() }).await;
    let long = format!("\"{}\"", "0123456789".repeat(60_000));
    let (report, all) =
        collected(&world, "a.ndjson", long.as_bytes(), &FileReading::default(), 0).await;
    assert!(
        matches!(report.ended, Ended::Whole)
            && report.kept == 3
            && report.invalid_count == 1
            && all == 1,
        "{report:?}"
    );
    let (_, bad) = parted(world.stored("orders"));
    assert_eq!(bad.into_iter().flat_map(|(bytes, _)| bytes).collect::<Vec<u8>>(), long.as_bytes());
}

/// A gzip file is cut or damaged at each tested byte. No value may appear that was not in the file.
#[tokio::test]
async fn a_damaged_gzip_loses_and_invents_nothing() {
    let line = |n: u32| {
        serde_json::json!({"id": n, "x": (n * 7_919 % 1_000).to_string()}).to_string() + "\n"
    };
    let lines: String = (0..40).map(line).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(lines.as_bytes()).expect("it works");
    let gzip = gzip.finish().expect("it works");
    assert_eq!(
        of("a.ndjson", &gzip, &FileReading::default()).await,
        (lines.lines().map(str::to_owned).collect(), Vec::new())
    );
    for cut in (2..gzip.len()).step_by(7) {
        let (good, bad) = of("a.ndjson", &gzip[..cut], &FileReading::default()).await;
        assert!(!bad.is_empty(), "cut at {cut}");
        // The decompressed bytes are a prefix of the original.
        let tail: Vec<u8> = bad
            .iter()
            .filter(|(_, reason)| reason.contains("decompressed before"))
            .flat_map(|(bytes, _)| bytes.clone())
            .collect();
        let head = good.iter().map(|line| line.clone() + "\n").collect::<String>()
            + std::str::from_utf8(&tail).expect("text");
        assert!(lines.starts_with(&head), "cut at {cut}: {head}");
        assert!(bad.iter().all(|(_, reason)| reason.contains("the body is not gzip")), "{bad:?}");
        if good.is_empty() && tail.is_empty() {
            assert_eq!(bad[0].0, gzip[..cut], "nothing was unfolded, and all of it is there");
        }
    }
    // The bytes after the damage are kept unchanged.
    let damaged = [&gzip[..], b"and more"].concat();
    let (good, bad) = of("a.ndjson", &damaged, &FileReading::default()).await;
    assert_eq!(good.len(), 40);
    assert!(bad.iter().any(|(bytes, _)| bytes.ends_with(b"and more")), "{bad:?}");
}
