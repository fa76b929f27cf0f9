//! What makes events of another shape out of a source's own.

use weir_model::{Headers, Rejection};

/// A pure function that has a name: `convert = "github"` in a source's table.
#[derive(Clone, Copy)]
pub struct Converter {
    /// The name.
    pub name: &'static str,
    /// The values to write to the topic, none or several; a rejection is the sender's fault. Gets the headers that the source
    /// keeps, in lower case, and the body, which is JSON.
    pub convert: fn(&Headers<'_>, &str) -> Result<Vec<String>, Rejection>,
}

/// The converters that a program knows.
#[derive(Clone, Default)]
pub struct Converters(pub Vec<Converter>);

impl Converters {
    pub(super) fn get(&self, name: &str) -> Result<Converter, String> {
        let known = || match self.0.iter().map(|one| one.name).collect::<Vec<_>>() {
            names if names.is_empty() => "there are none".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        self.0
            .iter()
            .find(|one| one.name == name)
            .copied()
            .ok_or_else(|| format!("convert names {name:?}, which is no converter; {}", known()))
    }
}
