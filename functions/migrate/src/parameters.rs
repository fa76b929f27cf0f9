//! Checks the parameters of the template before anything is changed. Each error names a parameter.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use weir_settings::{Given, Wanted};
use weir_store::Store;

/// Maximum characters of a consumer group in an event source mapping.
///
/// Source: AWS Lambda API Reference, `AmazonManagedKafkaEventSourceConfig`.
const GROUP_CHARS_MAX: usize = 200;

/// The parameters by the flags of their settings.
const PARAMETERS: [(&str, &str); 5] = [
    ("--topics", "TopicModels"),
    ("--event-fields", "EventFields"),
    ("--dedupe", "Dedupe"),
    ("--plugins", "Plugins"),
    ("--keep", "Keep"),
];

/// Returns a message with the names of parameters in place of flags.
pub(crate) fn named(message: &str) -> String {
    PARAMETERS.iter().fold(message.to_owned(), |text, (flag, name)| text.replace(flag, name))
}

/// Checks that the parameters change no setting that a person has set with `weir apply`.
pub(crate) async fn check_stored(wanted: &Wanted, store: &Store) -> Result<()> {
    let Some(line) = wanted.contradictions(store).await?.into_iter().next() else { return Ok(()) };
    let parameters = match line.split([' ', ':']).next() {
        Some("topic") => "Topics, TopicModels, EventFields, Dedupe or a packaged file",
        Some("plugins") => "Plugins",
        Some("retention") => "Keep or a packaged file",
        _ => "the name of the stack",
    };
    bail!(
        "{parameters} would change a setting that was set with `weir apply`. {line}. Give the \
            value of the database there, or change the database with `weir apply` first"
    )
}

/// Checks the list of topics.
pub(crate) fn check_topics(topics: &[String], group: &str) -> Result<()> {
    let mut resources = BTreeMap::new();
    for topic in topics {
        ensure!(
            !topic.is_empty(),
            "Topics contains an empty name: remove the comma that follows it"
        );
        let of_kafka = topic.len() <= 249
            && topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        ensure!(
            of_kafka && topic != "." && topic != "..",
            "Topics contains {topic:?}, which Kafka refuses: a name has at most 249 characters, which \
                are letters, digits, '.', '_' and '-'"
        );
        let group = weir_store::group_of(group, topic);
        ensure!(
            group.len() <= GROUP_CHARS_MAX,
            "Topics contains {topic}, whose consumer group {group} has more than {GROUP_CHARS_MAX} \
                characters: shorten the name of the topic or of the stack"
        );
        // The name of the mapping's resource. Kafka refuses such pairs too, because their metrics
        // would have one name.
        let resource = topic.replace(['.', '_', '-'], "");
        if let Some(other) = resources.insert(resource, topic) {
            bail!(
                "Topics contains {other} and {topic}, which differ at most in '.', '_' and '-': keep \
                    one of them"
            );
        }
    }
    Ok(())
}

/// Checks that the other parameters only name topics of the list.
pub(crate) fn check_names(topics: &[String], upload_folders: &str, given: &Given) -> Result<()> {
    let listed: BTreeSet<&String> = topics.iter().collect();
    let missing = |parameter: &str, topic: &str| {
        format!("{parameter} names topic {topic:?}, which is not in Topics: add it there")
    };
    for topic in given.topics.iter().flatten().map(|(topic, _)| topic) {
        ensure!(listed.contains(topic), missing("TopicModels", topic));
    }
    for topic in given.event_fields.iter().flatten().map(|(topic, _)| topic) {
        ensure!(listed.contains(topic), missing("EventFields", topic));
    }
    for topic in given.dedupe.iter().flatten() {
        ensure!(listed.contains(topic), missing("Dedupe", topic));
    }
    for rule in upload_folders.split(',').map(str::trim).filter(|r| !r.is_empty()) {
        // A folder may contain =, a topic may not.
        let (_, topic) = rule
            .rsplit_once('=')
            .with_context(|| format!("UploadFolders contains {rule:?}: give FOLDER=TOPIC"))?;
        ensure!(listed.iter().any(|t| *t == topic), missing("UploadFolders", topic));
    }
    Ok(())
}
