//! Tests values with a schema registry's frame, and values for a decoder.

use std::{borrow::Cow, io::Write};

use flate2::{Compression, write::ZlibEncoder};
use weir_model::{
    DecodeError, Decoder, Header, Headers, Record, Rejection, SchemaFormat, ValueSchema,
    value::{Frame, INFLATED_BYTES_MAX, Opened, open},
};

use crate::support::record;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

fn confluent(body: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 2], body].concat()
}

fn glue(compression: u8, body: &[u8]) -> Vec<u8> {
    [&[3, compression], [7; 16].as_slice(), body].concat()
}

/// Returns the text and whether it is the whole value.
fn opened(value: &[u8]) -> Result<(String, bool), Rejection> {
    opened_record(&record("topic", Some(value)), None)
}

fn opened_record(
    record: &Record<'_>,
    decoder: Option<&dyn Decoder>,
) -> Result<(String, bool), Rejection> {
    match open(record, decoder) {
        Opened::Json { text, exact } => Ok((text.into_owned(), exact)),
        Opened::Rejected(rejection) => Err(rejection),
        Opened::Tombstone => panic!("a tombstone"),
    }
}

#[test]
fn a_plain_value_is_borrowed_as_it_is() {
    let plain = record("topic", Some(b" {\"a\":1} "));
    assert!(matches!(
        open(&plain, None),
        Opened::Json { text: Cow::Borrowed(" {\"a\":1} "), exact: true }
    ));
    assert!(matches!(open(&record("topic", None), None), Opened::Tombstone));
    let rejection = opened(b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(rejection.class, "invalid_utf8");
}

#[test]
fn framed_json_is_unwrapped_and_not_the_value_itself() {
    let json = "{\"a\":\"é\"}".as_bytes();
    for value in
        [confluent(json), glue(0, json), glue(5, &zlib(json)), confluent(b" [1]"), glue(0, b"null")]
    {
        let (text, exact) = opened(&value).unwrap();
        assert!(!exact && serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn the_frame_names_its_schema() {
    assert_eq!(Frame::of(&confluent(b"x")), Some(Frame::Confluent { schema: 258, body: b"x" }));
    let Some(Frame::Glue { zlib: false, schema, body: b"x" }) = Frame::of(&glue(0, b"x")) else {
        panic!("no frame")
    };
    assert_eq!(schema.as_bytes(), &[7; 16]);
    for value in [
        &b""[..],
        b"\0",
        b"\0\0\0\0",
        b"{}",
        b"\x03",
        b"\x03\x05",
        &glue(0, b"")[..17],
        &glue(1, b"{}"),
    ] {
        assert_eq!(Frame::of(value), None, "{value:?}");
    }
    assert_eq!(Frame::of(b"\0\0\0\0\0"), Some(Frame::Confluent { schema: 0, body: b"" }));
}

#[test]
fn framed_avro_and_protobuf_are_rejections_that_say_so() {
    for value in [
        confluent(b"\x02\x06abc"),
        confluent(b"\xff\xfe"),
        confluent(b""),
        glue(0, b"\x0a\x01x"),
        glue(5, &zlib(b"\x02\xff")),
    ] {
        let rejection = opened(&value).unwrap_err();
        assert_eq!(rejection.class, "no_decoder");
        assert!(
            rejection.message.contains("Avro or Protobuf") && rejection.message.contains("schema"),
            "{}",
            rejection.message
        );
    }
}

#[test]
fn a_broken_or_exploding_frame_is_bounded() {
    assert_eq!(opened(&glue(5, b"not zlib")).unwrap_err().class, "bad_frame");
    assert_eq!(opened(&glue(5, &zlib(b"{}")[..6])).unwrap_err().class, "bad_frame");
    assert_eq!(opened(&glue(5, b"")).unwrap_err().class, "bad_frame");
    let bomb = glue(5, &zlib(&vec![b' '; INFLATED_BYTES_MAX * 4]));
    let rejection = opened(&bomb).unwrap_err();
    assert_eq!(
        rejection.message,
        format!(
            "the Glue-framed value has more than {INFLATED_BYTES_MAX} bytes after decompression"
        )
    );
    let body = zlib(b"12345");
    let frame = Frame::Glue { zlib: true, schema: uuid::Uuid::nil(), body: &body };
    assert_eq!(frame.body(5).unwrap().as_ref(), b"12345");
    assert!(frame.body(4).is_err());
}

#[test]
fn the_mappings_schema_counts_for_a_value_that_is_not_json() {
    let of = |format, value| {
        let schema = ValueSchema { format: Some(format), id: "9".to_owned() };
        opened_record(&Record { schema: Some(&schema), ..record("topic", Some(value)) }, None)
    };
    for format in [SchemaFormat::Avro, SchemaFormat::Protobuf] {
        let rejection = of(format, b"\x02\x04").unwrap_err();
        assert_eq!(
            rejection.message,
            format!("the value is {format:?} (schema 9), but the topic has no decoder")
        );
        // With the mapping's record format JSON, Lambda has already decoded the value.
        assert_eq!(of(format, b"{}").unwrap(), ("{}".to_owned(), true));
    }
    assert_eq!(of(SchemaFormat::Json, b"\xff").unwrap_err().class, "invalid_utf8");
}

struct Upper;

impl Decoder for Upper {
    fn name(&self) -> &'static str {
        "upper"
    }
    fn decodes(&self, topic: &str) -> bool {
        topic == "topic"
    }
    fn decode(
        &self,
        bytes: &[u8],
        headers: &Headers<'_>,
        topic: &str,
    ) -> Result<String, DecodeError> {
        match bytes {
            b"bad" => Err(DecodeError("cannot\0read".to_owned())),
            bytes => Ok(format!("[{:?},{:?},{}]", topic, headers.text("h"), bytes.len())),
        }
    }
}

#[test]
fn a_decoder_sees_the_whole_value_its_headers_and_its_topic() {
    let value = confluent(b"\x02");
    let headers = Headers(vec![Header { name: "h", value: Some(b"x") }]);
    let framed = Record { headers, ..record("topic", Some(&value)) };
    assert_eq!(
        opened_record(&framed, Some(&Upper)).unwrap(),
        (r#"["topic",Some("x"),6]"#.to_owned(), false)
    );
    let rejection = opened_record(&record("topic", Some(b"bad")), Some(&Upper)).unwrap_err();
    assert_eq!(
        (rejection.class, rejection.message.as_str()),
        ("decoder", "decoder upper: cannot\u{FFFD}read")
    );
    assert!(
        matches!(open(&record("topic", None), Some(&Upper)), Opened::Tombstone),
        "a decoder does not get a null value"
    );
    let bad =
        Record { bad_base64: Some("the value is not base64"), ..record("topic", Some(b"??")) };
    assert_eq!(opened_record(&bad, Some(&Upper)).unwrap_err().class, "bad_base64");
}
