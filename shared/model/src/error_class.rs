//! The classes of failures, each with its cause and remedy.

use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// The class of a failure, stored in `failures.error_class`.
///
/// The documentation of a variant is the cause, and its `message` the remedy. `docs/codes.md` is
/// made from both. A model of another workspace can have other classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ErrorClass {
    /// The event of Lambda has a key or a value that is not base64.
    #[strum(message = "Report it: Lambda and Weir do not write such events.")]
    BadBase64,
    /// The value begins with the frame of a schema registry, and the rest of it is damaged.
    #[strum(message = "Repair the producer.")]
    BadFrame,
    /// PostgreSQL refused the rows of the event, and reported no SQLSTATE.
    #[strum(message = "Read the message, remove the cause, then retry.")]
    Database,
    /// PostgreSQL refused the rows of the event: a constraint, a trigger, or a value that a column
    /// does not take. The class ends with the SQLSTATE, as in `database_23514`.
    #[strum(
        serialize = "database_",
        message = "Repair the constraint or trigger, or correct the record, then retry."
    )]
    DatabaseState,
    /// The decoder of the topic cannot read the value.
    #[strum(
        message = "Give the topic the schema of its values (`--avro`) or repair the producer, then retry."
    )]
    Decoder,
    /// The model `builds` refused the value: a field is missing or wrong.
    #[strum(
        message = "Repair the producer. Correct the stored record or bind the topic to another model, then retry."
    )]
    InvalidBuild,
    /// The value is not a CDEvent.
    #[strum(
        message = "Repair the producer. Correct the stored record or bind the topic to another model, then retry."
    )]
    InvalidCdevent,
    /// The value is not JSON.
    #[strum(
        message = "Repair the producer, or bind the topic to a decoder (`--avro`), then retry."
    )]
    InvalidJson,
    /// The model `readings` refused the value: a field is missing or wrong.
    #[strum(
        message = "Repair the producer. Correct the stored record or bind the topic to another model, then retry."
    )]
    InvalidReading,
    /// The value is not UTF-8 text.
    #[strum(
        message = "Repair the producer, or bind the topic to a decoder (`--avro`), then retry."
    )]
    InvalidUtf8,
    /// The value is Avro or Protobuf, and the topic has no decoder.
    #[strum(message = "Bind the topic to a decoder (`--avro`), then retry.")]
    NoDecoder,
    /// A plugin refused the event. The class ends with the plugin's name, as in
    /// `plugin_daily_totals`.
    #[strum(serialize = "plugin_", message = "Repair the plugin or the record, then retry.")]
    Plugin,
    /// A text of the event is longer than an index of PostgreSQL takes.
    #[strum(message = "Shorten the field that the message names, at the producer.")]
    TooLong,
    /// No model is bound to the topic.
    #[strum(message = "Bind the topic to a model (`--topics`, `weir apply`), then retry.")]
    UnboundTopic,
    /// `collect` could not read this part of a file. The message has the file, the line and the
    /// reason.
    #[strum(message = "Repair the file and collect it again, then discard the failure.")]
    Unreadable,
}

impl ErrorClass {
    /// Returns the class as it is stored, such as `invalid_json`. It is the first part of a class
    /// that ends with a SQLSTATE or a plugin's name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns whether the class ends with a SQLSTATE or a plugin's name.
    fn is_open(self) -> bool {
        self.name().ends_with('_')
    }

    /// Returns whether a text is one of these classes, such as `invalid_json` or `database_23514`.
    pub fn includes(text: &str) -> bool {
        Self::VARIANTS.iter().any(|class| {
            text.strip_prefix(class.name()).is_some_and(|rest| rest.is_empty() != class.is_open())
        })
    }

    /// Returns the names of the classes, for messages. The name of a class that ends with a
    /// SQLSTATE or a plugin's name ends with `…`.
    pub fn names() -> String {
        let name = |class: &Self| [class.name(), if class.is_open() { "…" } else { "" }].concat();
        Self::VARIANTS.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_known_by_its_name_or_by_its_first_part() {
        for class in ["invalid_json", "database", "database_23514", "plugin_ledger"] {
            assert!(ErrorClass::includes(class), "{class}");
        }
        for class in ["", "invalid_jsn", "invalid_json_", "Database", "database_", "plugin_"] {
            assert!(!ErrorClass::includes(class), "{class}");
        }
        assert!(ErrorClass::names().contains("database, database_…, decoder, invalid_build"));
    }
}
