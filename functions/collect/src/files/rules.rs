//! Rules that map files to topics.

use std::{fmt, str::FromStr};

use super::FileReading;

/// `prefix=topic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// The prefix of the file names. An empty prefix matches every file.
    pub prefix: String,
    /// The topic of the file's values.
    pub topic: String,
}

impl FromStr for FileRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A prefix may contain =, a topic may not.
        match text.trim().rsplit_once('=') {
            Some((prefix, topic)) if !topic.trim().is_empty() => Ok(Self {
                prefix: prefix.trim_start_matches('/').to_owned(),
                topic: topic.trim().to_owned(),
            }),
            _ => Err("expected PREFIX=TOPIC"),
        }
    }
}

impl fmt::Display for FileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.prefix, self.topic)
    }
}

/// The rules that map files to topics, and the settings for reading files.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FileRules {
    /// Topics of the files, by the beginning of their names
    ///
    /// For example 'boats/=readings'. An empty prefix matches all files. If several prefixes match,
    /// the longest one counts.
    #[arg(long, env = "FILES", value_name = "PREFIX=TOPIC,…", value_delimiter = ',')]
    pub files: Vec<FileRule>,

    /// The settings for reading files.
    #[command(flatten)]
    pub reading: FileReading,
}

impl FileRules {
    /// Returns the topic for a file's values: that of the longest matching prefix.
    pub fn topic(&self, name: &str) -> Option<&str> {
        let fits = self.files.iter().filter(|rule| name.starts_with(&rule.prefix));
        fits.max_by_key(|rule| rule.prefix.len()).map(|rule| rule.topic.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let rules = FileRules {
            reading: FileReading::default(),
            files: ["boats/=readings", "boats/a=b/=orders", "/builds/=build_events"]
                .map(|r| r.parse().unwrap())
                .into(),
        };
        for (name, topic) in [
            ("boats/1.ndjson", Some("readings")),
            ("boats/a=b/1.ndjson", Some("orders")),
            ("builds/x", Some("build_events")),
            ("other/x", None),
        ] {
            assert_eq!(rules.topic(name), topic, "{name}");
        }
        for wrong in ["", "boats/", "boats/="] {
            assert!(wrong.parse::<FileRule>().is_err(), "{wrong}");
        }
        assert_eq!(
            FileRules {
                files: vec!["=readings".parse().unwrap()],
                reading: FileReading::default()
            }
            .topic("any"),
            Some("readings")
        );
    }
}
