//! The odd records, and the expected result for each model.

use weir_testkit::{Field, Record};
use weir_tests::batches::{build_id, record};

/// The three kinds of topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Orders,
    Builds,
    Readings,
}

/// The result of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// An event whose payload is its bytes.
    Payload,
    /// An event whose payload is null and whose raw is its bytes.
    Raw,
    /// A row of the log that is not an event.
    Skipped,
    /// A failure of this class.
    Failure(&'static str),
}

use Becomes::{Failure, Payload, Raw, Skipped};

/// The member of a valid value that is replaced by something odd.
#[derive(Debug, Clone, Copy)]
enum Member {
    Text,
    Number,
    Time,
    Id,
    Json,
    /// A member that the models do not read.
    Other,
}

type Change = Box<dyn Fn(&mut Record)>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    odd: Odd,
    becomes: [Becomes; 3],
}

enum Odd {
    Member(Member, String),
    Record(Change),
}

impl Kind {
    pub(crate) const fn topic(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Builds => "build_events",
            Self::Readings => "readings",
        }
    }

    /// Returns the table of the projection.
    pub(crate) const fn table(self) -> Option<&'static str> {
        match self {
            Self::Orders => None,
            Self::Builds => Some("builds"),
            Self::Readings => Some("readings"),
        }
    }

    /// Returns a valid record with its own build, or its own sensor and instant.
    pub(crate) fn good(self, partition: i32, offset: i64) -> Record {
        self.with(partition, offset, &[])
    }

    /// Returns such a record with some members replaced.
    fn with(self, partition: i32, offset: i64, members: &[(Member, &str)]) -> Record {
        let member = |wanted: Member, usual: String| {
            let found = members
                .iter()
                .find(|(m, _)| std::mem::discriminant(m) == std::mem::discriminant(&wanted));
            found.map_or(usual, |(_, json)| (*json).to_owned())
        };
        let other = member(Member::Other, "null".into());
        let value = match self {
            Self::Orders => {
                let odd = members.first().map_or("1", |(_, json)| json);
                format!(r#"{{ "n": {offset},  "odd": {odd}}}"#)
            }
            Self::Builds => {
                let number =
                    u32::try_from(i64::from(partition) * 1000 + offset).unwrap_or(u32::MAX);
                let id = member(Member::Id, format!("{:?}", build_id(number)));
                let project = build_id(0);
                let bytes = member(Member::Number, "7".into());
                let config = member(Member::Json, "{}".into());
                let status = member(Member::Text, "\"ready\"".into());
                let updated = member(Member::Time, "\"2026-01-02T00:00:00Z\"".into());
                format!(
                    r#"{{"version":1,"data":{{"event":"ready","build":{{"id":{id},"projectId":"{project}","diskSpace":{{"realBytes":{bytes}}},"config":{config},"status":{status},"createdAt":"2026-01-01T00:00:00Z","updatedAt":{updated},"note":{other}}}}}}}"#
                )
            }
            Self::Readings => {
                let sensor =
                    member(Member::Text, member(Member::Id, format!("\"sensor_{partition}\"")));
                let value = member(Member::Number, member(Member::Json, "1.5".into()));
                let instant =
                    format!("\"2026-01-01T00:{:02}:{:02}Z\"", offset / 60 % 60, offset % 60);
                let instant = member(Member::Time, instant);
                format!(
                    r#"{{"sensor":{sensor},"value":{value},"timestamp":{instant},"note":{other}}}"#
                )
            }
        };
        record(self.topic(), partition, offset, value)
    }
}

impl Case {
    /// Returns the record with these coordinates. Its key and its header are bytes that are not
    /// text.
    pub(crate) fn record(&self, kind: Kind, partition: i32, offset: i64) -> Record {
        let mut record = match &self.odd {
            Odd::Member(member, json) => kind.with(partition, offset, &[(*member, json)]),
            Odd::Record(_) => kind.good(partition, offset),
        };
        record.key = b"key\xff\x00".into();
        record.headers = Some(vec![("trace".into(), Some(b"\xff\x00".to_vec()))]);
        if let Odd::Record(change) = &self.odd {
            change(&mut record);
        }
        record
    }

    pub(crate) fn becomes(&self, kind: Kind) -> Becomes {
        self.becomes[kind as usize]
    }
}

fn member(
    name: &'static str,
    member: Member,
    json: impl Into<String>,
    becomes: [Becomes; 3],
) -> Case {
    Case { name, odd: Odd::Member(member, json.into()), becomes }
}

fn changed(name: &'static str, becomes: Becomes, change: impl Fn(&mut Record) + 'static) -> Case {
    Case { name, odd: Odd::Record(Box::new(change)), becomes: [becomes; 3] }
}

fn valued(name: &'static str, becomes: [Becomes; 3], value: &'static [u8]) -> Case {
    Case { name, odd: Odd::Record(Box::new(move |r| r.value = value.into())), becomes }
}

/// Returns all cases.
pub(crate) fn all() -> Vec<Case> {
    const BUILD: Becomes = Failure("invalid_build");
    const READING: Becomes = Failure("invalid_reading");
    const NO_JSON: [Becomes; 3] = [Failure("invalid_json"), Failure("invalid_json"), READING];
    // 294277-01-01T00:00:00Z, which is after PostgreSQL's last year.
    const YEAR_294277_MS: i64 = 9_224_318_016_000_000;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    vec![
        member("\\u0000 in a text", Member::Text, r#""a\u0000b""#, [Raw, BUILD, READING]),
        member("\\u0000 in a member nobody reads", Member::Other, r#""a\u0000b""#, [Raw; 3]),
        member("lone surrogate in a text", Member::Text, r#""a\ud800b""#, [Raw, BUILD, READING]),
        member("lone surrogate in a member nobody reads", Member::Other, r#""a\udc00b""#, [Raw; 3]),
        member("lone surrogate in a name", Member::Other, r#"{"\ud800":1}"#, [Raw; 3]),
        member("\\u0000 in a name", Member::Other, r#"{"\u0000":1}"#, [Raw; 3]),
        member(
            "lone surrogate as a member's name",
            Member::Other,
            r#"1,"\ud800":2"#,
            [Raw, BUILD, READING],
        ),
        member("\\u0000 as a member's name", Member::Other, r#"1,"\u0000":2"#, [Raw; 3]),
        member("a member twice", Member::Other, r#"1,"note":2"#, [Payload; 3]),
        member("1e400 as a number", Member::Number, "1e400", [Payload, BUILD, READING]),
        member("1e400 in a member nobody reads", Member::Other, "1e400", [Payload; 3]),
        member("1e200000 in a member nobody reads", Member::Other, "1e200000", [Raw; 3]),
        member(
            "year 294277 as a time",
            Member::Time,
            "\"+294277-01-01T00:00:00Z\"",
            [Payload, BUILD, READING],
        ),
        // A number of this size counts as microseconds.
        member(
            "year 294277 in milliseconds as a time",
            Member::Time,
            YEAR_294277_MS.to_string(),
            [Payload; 3],
        ),
        member(
            "a number that is the year -1199",
            Member::Time,
            "-99999999999",
            [Payload, BUILD, READING],
        ),
        changed("year 294277 as the record's timestamp", Payload, |r| r.timestamp = YEAR_294277_MS),
        changed("the last timestamp there is", Payload, |r| r.timestamp = i64::MAX),
        changed("the first timestamp there is", Payload, |r| r.timestamp = i64::MIN),
        changed("a negative timestamp", Payload, |r| r.timestamp = -1),
        member("10,000-deep JSON", Member::Json, &deep, [Raw, BUILD, READING]),
        member("10,000-deep JSON in a member nobody reads", Member::Other, &deep, [Raw; 3]),
        valued("bad UTF-8", [Failure("invalid_utf8"); 3], b"{\"text\":\"\xff\"}"),
        valued("no bytes at all", NO_JSON, b""),
        valued("half an object", NO_JSON, b"{\"a\":"),
        valued("a zero byte in a text", NO_JSON, b"{\"text\":\"\0\"}"),
        member(
            "a value of 4 MB",
            Member::Other,
            format!("\"{}\"", "x".repeat(4_000_000)),
            [Payload; 3],
        ),
        changed("a null value", Skipped, |r| r.value = Field::Null),
        changed("an absent value", Skipped, |r| r.value = Field::Absent),
        changed("a null key", Payload, |r| r.key = Field::Null),
        changed("an absent key", Payload, |r| r.key = Field::Absent),
        changed("an empty key", Payload, |r| r.key = b"".into()),
        changed("a header {}", Payload, |r| r.headers = Some(vec![("lost".into(), None)])),
        changed("absent headers", Payload, |r| r.headers = None),
        changed("a value that is not base64", Failure("bad_base64"), |r| {
            r.value = Field::Text("{\"n\": no base64!}".into());
        }),
        changed("a key that is not base64", Failure("bad_base64"), |r| {
            r.key = Field::Text("%%%".into());
        }),
        member("an invalid UUID", Member::Id, "\"not-a-uuid\"", [Payload, BUILD, READING]),
        changed("an unknown topic", Failure("unbound_topic"), |r| r.topic = "unbound".into()),
    ]
}
