//! Reads `template.yaml`, for tests that compare it with the code.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_yaml_ng::Value;

/// Variables that are not settings of Weir.
const NOT_OURS: [&str; 1] = ["RUST_LOG"];
/// Variables that every function needs.
const OF_ALL: [&str; 1] = ["OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Settings that are stored in the database: parameters, `weir apply`, and `migrate` set them.
const STORED: [&str; 7] =
    ["TOPICS", "EVENT_FIELDS", "DEDUPE", "PLUGINS", "AVRO", "GROUP_ID", "KEEP"];
/// Settings that have no effect in a function of the template, each with the reason.
const WITHOUT_EFFECT: [(&str, &str); 13] = [
    ("API_KEYS_FILE", "a function has no file; API_KEYS_SECRET_ARN is its setting"),
    ("CONCURRENT_REQUESTS", "a function handles one request at a time"),
    ("TRUSTED_PROXIES", "API Gateway tells the address of the client"),
    ("COLLECT_IDLE_TIMEOUT", "API Gateway sends a whole body"),
    ("COLLECT_MIN_RATE", "API Gateway sends a whole body"),
    ("COLLECT_STREAMS", "a function handles one request at a time"),
    ("COLLECT_UNKEYED_STREAMS", "a function handles one request at a time"),
    ("COLLECT_ADDRESS_STREAMS", "a function handles one request at a time"),
    ("COLLECT_KAFKA_TIMEOUT", "the time is limited by API Gateway's 30 s"),
    ("STATEMENT_TIMEOUT", "the default fits into the function's timeout"),
    ("CONNECT_TIMEOUT", "the default fits into the function's timeout"),
    ("DATABASE_CONNECTIONS", "the default is enough for one invocation"),
    ("DATABASE_IAM_REGION", "migrate signs in with the owner's secret"),
];

/// The parsed template.
pub struct Template(Value);

impl Template {
    /// Reads and parses the template.
    ///
    /// # Errors
    /// When the file is missing or is not YAML.
    pub fn read() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Self(serde_yaml_ng::from_str(&text)?))
    }

    /// Returns the value at these names; the tags of intrinsic functions are skipped.
    ///
    /// # Errors
    /// When the value does not exist.
    pub fn at<'t>(&'t self, names: &[&str]) -> Result<&'t Value> {
        let mut found = &self.0;
        for name in names {
            found = plain(found)
                .get(*name)
                .with_context(|| format!("{} is not in the template", names.join(".")))?;
        }
        Ok(plain(found))
    }

    /// Returns the names of the resources of a type.
    ///
    /// # Errors
    /// When there are no resources.
    pub fn resources(&self, kind: &str) -> Result<Vec<&str>> {
        let all = self.at(&["Resources"])?.as_mapping().context("Resources is a mapping")?;
        Ok(all
            .iter()
            .filter(|(_, r)| r["Type"] == kind)
            .filter_map(|(name, _)| name.as_str())
            .collect())
    }

    /// Returns the names of a function's environment variables, including the global ones.
    ///
    /// # Errors
    /// When the function has no variables.
    pub fn environment(&self, function: &str) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for holder in [&["Resources", function, "Properties"][..], &["Globals", "Function"]] {
            let variables = self.at(&[holder, &["Environment", "Variables"]].concat())?;
            let variables = variables.as_mapping().context("Variables is a mapping")?;
            names.extend(variables.keys().filter_map(Value::as_str).map(ToOwned::to_owned));
        }
        Ok(names)
    }

    /// Returns every text at or below these names, see [`texts`].
    ///
    /// # Errors
    /// When the value does not exist.
    pub fn texts(&self, names: &[&str]) -> Result<Vec<&str>> {
        self.at(names).map(texts)
    }
}

/// Returns a value without its tag.
pub fn plain(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => plain(&tagged.value),
        other => other,
    }
}

/// Returns every text at or below a value, including the arguments of intrinsic functions.
pub fn texts(value: &Value) -> Vec<&str> {
    match plain(value) {
        Value::String(text) => vec![text],
        Value::Sequence(values) => values.iter().flat_map(texts).collect(),
        Value::Mapping(pairs) => pairs.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Returns the environment variables of a program's settings, according to its help, which these
/// arguments print.
///
/// # Errors
/// When the program cannot be run.
pub fn known_variables(program: &str, help: &[&str]) -> Result<BTreeSet<String>> {
    let output = Command::new(program).args(help).output().with_context(|| program.to_owned())?;
    // The help wraps long lines.
    let text = String::from_utf8(output.stdout)?.split_whitespace().collect::<Vec<_>>().join(" ");
    let known: BTreeSet<String> = text
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(['=', ']']).next())
        .map(|name| name.trim().to_owned())
        .collect();
    ensure!(!known.is_empty(), "{program} {help:?} names no variables:\n{text}");
    Ok(known)
}

/// Checks that the template sets every variable that a function needs, and no variable that its
/// program does not know. Each setting of the program must be set by the template or be stored in
/// the database.
///
/// # Errors
/// Lists the missing or unknown variables.
pub fn check_environment(function: &str, program: &str, needed: &[&str]) -> Result<()> {
    let (set, known) =
        (Template::read()?.environment(function)?, known_variables(program, &["--help"])?);
    let unknown: Vec<&String> = set
        .iter()
        .filter(|name| !known.contains(*name) && !NOT_OURS.contains(&name.as_str()))
        .collect();
    ensure!(unknown.is_empty(), "{function} is given {unknown:?}, which it does not know");
    let is_accounted = |name: &str| {
        STORED.contains(&name) || WITHOUT_EFFECT.iter().any(|(other, _)| *other == name)
    };
    let lost: Vec<&String> =
        known.iter().filter(|name| !set.contains(*name) && !is_accounted(name)).collect();
    ensure!(
        lost.is_empty(),
        "{function} has settings that are neither in the template nor in the database: {lost:?}"
    );
    let needed = [needed, &OF_ALL].concat();
    let missing: Vec<&&str> = needed.iter().filter(|name| !set.contains(**name)).collect();
    ensure!(missing.is_empty(), "{function} is not given {missing:?}, which it needs");
    let gone: Vec<&&str> = needed.iter().filter(|name| !known.contains(**name)).collect();
    ensure!(gone.is_empty(), "{function} does not know {gone:?} any more");
    Ok(())
}
