//! The parameters of `template.yaml` behind the variables of the functions.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_yaml_ng::{Mapping, Value};
use weir_testkit::template::{Template, texts};

use crate::markdown::{cell, code};

/// The values of each variable, by variable and then by function.
pub(crate) struct Parameters {
    template: Template,
    /// The variables: the function, and its texts.
    set: BTreeMap<String, Vec<(String, Value)>>,
    names: BTreeSet<String>,
}

impl Parameters {
    pub(crate) fn read() -> Result<Self> {
        let template = Template::read()?;
        let mut set: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        let variables = ["Environment", "Variables"];
        let mut add = |owner: &str, all: &Value| {
            for (name, value) in all.as_mapping().into_iter().flat_map(Mapping::iter) {
                let name = name.as_str().unwrap_or_default().to_owned();
                set.entry(name).or_default().push((owner.to_owned(), value.clone()));
            }
        };
        add("", template.at(&[&["Globals", "Function"], &variables[..]].concat())?);
        // The settings of the data, which migrate stores.
        add("migrate", template.at(&["Resources", "Schema", "Properties", "Settings"])?);
        for name in template.resources("AWS::Serverless::Function")? {
            let function = name.trim_end_matches("Function").to_lowercase();
            let path = [&["Resources", name, "Properties"], &variables[..]].concat();
            add(&function, template.at(&path)?);
        }
        let names = keys(template.at(&["Parameters"])?);
        Ok(Self { template, set, names })
    }

    /// Returns the parameters that set a variable. Without one, returns the fixed values.
    pub(crate) fn of(&self, variable: &str) -> String {
        let values = self.set.get(variable).map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for (_, value) in values {
            self.named(value, &mut found);
        }
        if found.is_empty() {
            for (_, value) in values {
                self.conditions(value, &mut found);
            }
        }
        if !found.is_empty() {
            return found.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
        }
        let fixed = values.iter().filter_map(|(function, value)| {
            // A value with a tag is an attribute of another resource.
            let Value::String(text) = value else { return None };
            Some(format!("{} in {function}", code(text)))
        });
        fixed.collect::<Vec<_>>().join(", ")
    }

    /// Returns the variables of the template that no program has as a setting, each with the
    /// description of its parameter.
    pub(crate) fn others(&self, settings: &BTreeSet<String>) -> Result<Vec<[String; 3]>> {
        let mut rows = Vec::new();
        for (variable, values) in self.set.iter().filter(|(name, _)| !settings.contains(*name)) {
            let mut found = Vec::new();
            for (_, value) in values {
                self.named(value, &mut found);
            }
            let parameter =
                found.first().with_context(|| format!("{variable} has no parameter"))?;
            let about = self.template.at(&["Parameters", parameter, "Description"])?;
            let about = about.as_str().context("a description")?;
            rows.push([code(variable), cell(about), code(parameter)]);
        }
        Ok(rows)
    }

    /// Adds the parameters that a value names: as a whole text, or as `${NAME}` in a text.
    fn named(&self, value: &Value, found: &mut Vec<String>) {
        for text in texts(value) {
            let parts = text.split("${").skip(1).filter_map(|part| part.split('}').next());
            for name in parts.chain([text]) {
                if self.names.contains(name) && !found.iter().any(|known| known == name) {
                    found.push(name.to_owned());
                }
            }
        }
    }

    /// Adds the parameters of the conditions that a value depends on.
    fn conditions(&self, value: &Value, found: &mut Vec<String>) {
        for text in texts(value) {
            if let Ok(condition) = self.template.at(&["Conditions", text]) {
                self.named(condition, found);
                self.conditions(condition, found);
            }
        }
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    let all = value.as_mapping().into_iter().flat_map(Mapping::keys);
    all.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
