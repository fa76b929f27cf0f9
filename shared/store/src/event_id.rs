//! Public ids: `<topic>-<partition>-<offset>`, followed by `~<stream>` unless the stream is the
//! topic's first one.

use std::{fmt, str::FromStr};

/// An id as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The stream's short id; `None` means the topic's first stream.
    pub stream: Option<i32>,
}

impl FromStr for EventId {
    /// The text is not an id.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // A topic may contain "-" but not "~".
        let (place, stream) = match text.split_once('~') {
            Some((place, stream)) => (place, Some(number(stream)?)),
            None => (text, None),
        };
        let (rest, offset) = place.rsplit_once('-').ok_or(())?;
        let (topic, partition) = rest.rsplit_once('-').ok_or(())?;
        if topic.is_empty() {
            return Err(());
        }
        Ok(Self {
            topic: topic.to_owned(),
            partition: number(partition)?,
            offset: number(offset)?,
            stream,
        })
    }
}

/// Parses digits only, without a sign or blanks.
fn number<T: FromStr>(text: &str) -> Result<T, ()> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().map_err(|_| ()) } else { Err(()) }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.topic, self.partition, self.offset)?;
        self.stream.map_or(Ok(()), |stream| write!(f, "~{stream}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for text in ["build_events-0-42", "a-b-c-15-0", "a-0-9223372036854775807~3"] {
            assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "a",
            "a-1",
            "-1-2",
            "a-x-1",
            "a-1--1",
            "a-1-+1",
            "a-1-1~",
            "a-1-1~x",
            "a-1-99999999999999999999",
            "a-4294967296-1",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(()), "{text}");
        }
    }
}
