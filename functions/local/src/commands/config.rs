//! `weir config`: prints every setting with its effective value.

use serde_json::{Value, json};
use weir_model::TopicBindings;
use weir_settings::{DATA_FLAGS, StoredSettings};
use weir_store::settings::{self, Setting};

use crate::{
    Exit, Settings,
    database::Database,
    layers,
    output::{print_json, say},
};

/// Settings whose values are never printed. In the URLs of databases, only the password is hidden
/// where it can be found; otherwise the whole value is hidden.
const SECRET: &[&str] = &["kafka-property"];

pub(super) async fn run(settings: &Settings, json: bool) -> Result<(), Exit> {
    // Without a database there are no stored settings.
    let rows = if Database::exists(settings) {
        Database::with(settings, async |store| Ok(settings::read(store).await?)).await
    } else {
        Ok(Vec::new())
    };
    let stored =
        rows.as_ref().ok().map(|rows| StoredSettings::of(rows)).transpose()?.unwrap_or_default();
    let mut all = Vec::new();
    for (name, values, source) in layers::sources()? {
        // A flag, variable or file is shown with its own value. If that value contradicts the
        // database, the server does not start.
        let (values, source) = match of_data(&name, &stored) {
            Some(found) if !matches!(source, "flag" | "environment" | "file") => found,
            _ => (values, source),
        };
        let shown: Vec<String> = values.iter().map(|v| shown(&name, v)).collect();
        all.push((name, shown, source));
    }
    if json {
        print_json(&as_json(&all, rows));
        return Ok(());
    }
    for (name, shown, source) in &all {
        say!("{name} = {:<50} # {source}", toml_value(shown));
    }
    match rows {
        Ok(rows) => {
            for Setting { kind, name, version, value, set_by } in rows {
                say!(
                    "# in the database: {kind} {name:?} = {value}, version {version}, set by {set_by}"
                );
            }
        }
        Err(error) => say!("# cannot read the settings of the database: {error}"),
    }
    Ok(())
}

/// Returns the settings in force and, as `stored`, the settings in the database. `stored` is null
/// when the database could not be read.
fn as_json(all: &[layers::Setting], rows: Result<Vec<Setting>, Exit>) -> Value {
    let setting = |(name, values, source): &layers::Setting| json!({"name": name, "values": values, "source": source});
    let stored = |Setting { kind, name, version, value, set_by }| {
        json!({
            "kind": kind, "name": name, "version": version, "value": value, "set_by": set_by,
        })
    };
    json!({
        "settings": all.iter().map(setting).collect::<Value>(),
        "stored": rows.ok().map(|rows| rows.into_iter().map(stored).collect::<Value>()),
    })
}

/// Returns the effective value of a setting of the data that no flag, variable or file sets.
fn of_data(name: &str, stored: &StoredSettings) -> Option<(Vec<String>, &'static str)> {
    if !DATA_FLAGS.contains(&name) {
        return None;
    }
    let database = |value: Option<Vec<String>>| {
        value.map_or((Vec::new(), "unset"), |values| (values, "database"))
    };
    let of_topics = |show: &dyn Fn(&String, &weir_settings::TopicSetting) -> Option<String>| {
        let all: Vec<String> =
            stored.topics.iter().filter_map(|(topic, setting)| show(topic, setting)).collect();
        database((!all.is_empty()).then_some(all))
    };
    Some(match name {
        "topics" => match stored.bindings() {
            Some(bound) => (vec![TopicBindings(bound).to_string()], "database"),
            None => (vec![weir_model::default_topics().to_string()], "default"),
        },
        "event-fields" => of_topics(&|topic, setting| {
            setting
                .event_fields
                .as_ref()
                .map(|fields| weir_model::TopicFields::new(topic, fields).to_string())
        }),
        "dedupe" => of_topics(&|topic, setting| setting.dedupe.then(|| topic.clone())),
        "plugins" => database(stored.plugins.clone()),
        "group-id" => match &stored.group_id {
            Some(group) => (vec![group.clone()], "database"),
            None => (vec!["weir".to_owned()], "default"),
        },
        "keep" => database(stored.keep.map(|days| vec![format!("{days}d")])),
        // The flag `avro` names a file, but the database has the schema itself. The schema is
        // printed with the stored settings.
        _ => return None,
    })
}

fn toml_value(values: &[String]) -> String {
    match values {
        [] => "\"\"".to_owned(),
        [one] if one.parse::<i64>().is_ok() || one == "true" || one == "false" => one.clone(),
        [one] => format!("{one:?}"),
        many => format!("{many:?}"),
    }
}

fn shown(name: &str, value: &str) -> String {
    if SECRET.contains(&name) {
        return value
            .split_once('=')
            .map_or_else(|| "***".to_owned(), |(name, _)| format!("{name}=***"));
    }
    if !["database-url", "database-reader-url"].contains(&name) {
        return value.to_owned();
    }
    // The password is in postgresql://user:password@host, or in a parameter password=….
    let masked = match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = value[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}://{user}:***{}", &value[..scheme], &value[at..])
        }
        (None, _) => "***".to_owned(),
        _ => value.to_owned(),
    };
    if masked.contains("password=") { "***".to_owned() } else { masked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        assert_eq!(
            shown("database-url", "postgresql://u:p%40x@h:5/d?sslmode=require"),
            "postgresql://u:***@h:5/d?sslmode=require"
        );
        assert_eq!(
            shown("database-reader-url", "postgresql://u:p@h:5/d"),
            "postgresql://u:***@h:5/d"
        );
        assert_eq!(shown("database-url", "host=h user=u password=p"), "***");
        assert_eq!(shown("database-url", "postgresql://h/d?user=u&password=p"), "***");
        assert_eq!(shown("kafka-property", "sasl.password=p"), "sasl.password=***");
        assert_eq!(shown("port", "3000"), "3000");
    }
}
