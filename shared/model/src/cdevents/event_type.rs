//! Parses `context.type`: `dev.cdevents.<subject>.<predicate>.<M.m.p>`, and custom types
//! `dev.cdeventsx.<tool>-<subject>.…`.
//!
//! Source: CDEvents 0.5.1, spec.md, "type (context)".

use std::borrow::Cow;

/// Maximum bytes of a type.
const TYPE_BYTES_MAX: usize = 255;

/// The parts of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType<'a> {
    /// The type of the event's subject, lower case: `service`, `pipelinerun` …
    pub subject: Cow<'a, str>,
    /// The predicate, lower case: `deployed`, `finished` …
    pub predicate: Cow<'a, str>,
    /// The version of the type, without `-draft`: `0.3.0`.
    pub version: &'a str,
}

impl<'a> EventType<'a> {
    /// Parses a type. `None` when the text is not the type of a CDEvent.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > TYPE_BYTES_MAX {
            return None;
        }
        let rest =
            text.strip_prefix("dev.cdevents.").or_else(|| text.strip_prefix("dev.cdeventsx."))?;
        let (subject, rest) = rest.split_once('.')?;
        let (predicate, version) = rest.split_once('.')?;
        let version = version.strip_suffix("-draft").unwrap_or(version);
        let word = |w: &str| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
        let three = version.split('.').count() == 3 && version.split('.').all(number);
        (three && word(subject) && word(predicate)).then(|| Self {
            subject: lower(subject),
            predicate: lower(predicate),
            version,
        })
    }
}

fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        Cow::Borrowed(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_say_what_happened_to_what() {
        for (text, subject, predicate, version) in [
            ("dev.cdevents.service.deployed.0.3.0", "service", "deployed", "0.3.0"),
            ("dev.cdevents.PipelineRun.Finished.0.1.1", "pipelinerun", "finished", "0.1.1"),
            ("dev.cdevents.approval.created.0.1.0-draft", "approval", "created", "0.1.0"),
            ("dev.cdeventsx.harbour-boat.sunk.12.0.3", "harbour-boat", "sunk", "12.0.3"),
        ] {
            let expected =
                EventType { subject: subject.into(), predicate: predicate.into(), version };
            assert_eq!(EventType::parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_invalid_type_is_refused() {
        for text in [
            "",
            "dev.cdevents",
            "dev.cdevents.service.deployed",
            "dev.cdevents.service.deployed.0.3",
            "dev.cdevents.service.deployed.0.3.0.1",
            "dev.cdevents.service.deployed.0.3.x",
            "dev.cdevents.service.deployed.0.3.0-rc1",
            "dev.cdevents..deployed.0.3.0",
            "dev.cdevents.ser vice.deployed.0.3.0",
            "cd.service.deployed.v1",
            "com.example.service.deployed.0.3.0",
        ] {
            assert_eq!(EventType::parse(text), None, "{text}");
        }
        assert_eq!(
            EventType::parse(&format!("dev.cdevents.{}.deployed.0.3.0", "x".repeat(300))),
            None
        );
    }
}
