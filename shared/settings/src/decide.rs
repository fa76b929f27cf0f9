//! Compares flags and files with the stored settings: a value is new, equal, or a contradiction.

use std::{collections::BTreeMap, fmt::Display};

use weir_model::{TopicFields, default_topics};
use weir_store::StoreError;

use crate::{
    flags::Given,
    stored::{StoredSettings, TopicSetting},
    tables::DataTables,
};

/// Returns the settings in force after a start with these flags and files: the stored ones and the
/// new ones.
///
/// A flag or a table that contradicts the database is an error that names both.
pub(crate) fn at_start(
    stored: &StoredSettings,
    given: &Given,
    tables: &DataTables,
) -> Result<StoredSettings, StoreError> {
    let given = &with_tables(given.clone().said(), tables);
    for (name, table) in &tables.topics {
        if let Some(there) = stored.topics.get(name).filter(|there| Some(*there) != table.as_ref())
        {
            let says = table.as_ref().map_or_else(|| "remove".to_owned(), shown);
            return Err(table_contradicts(
                tables,
                &format!("[topics.{name}]"),
                &says,
                &shown(there),
            ));
        }
    }
    if let (Some(wanted), Some(there)) = (tables.keep, stored.keep)
        && wanted != Some(there)
    {
        return Err(table_contradicts(tables, "[retention]", &days(wanted), &days(Some(there))));
    }
    for (name, wanted) in &tables.keep_series {
        if let Some(there) = stored.keep_series.get(name)
            && *wanted != Some(*there)
        {
            let table = format!("[retention.{name}]");
            return Err(table_contradicts(tables, &table, &days(*wanted), &days(Some(*there))));
        }
    }
    let there = {
        // A table whose topic is not stored yet counts as stored, because this start stores it.
        let mut there = stored.clone();
        there.topics.extend(
            tables.topics.iter().filter_map(|(name, table)| Some((name.clone(), table.clone()?))),
        );
        there
    };
    agree(
        "--topics (TOPICS)",
        "topics",
        given.topics.as_ref(),
        stored.bindings().and(there.bindings()).as_ref(),
        list,
    )?;
    let show_fields = |all: &BTreeMap<String, _>| {
        all.iter()
            .map(|(topic, fields)| TopicFields::new(topic, fields).to_string())
            .collect::<Vec<_>>()
            .join(";")
    };
    let before = (!stored.event_fields().is_empty()).then(|| there.event_fields());
    agree(
        "--event-fields (EVENT_FIELDS)",
        "event-fields",
        given.event_fields.as_ref(),
        before.as_ref(),
        show_fields,
    )?;
    let before = (!stored.dedupe().is_empty()).then(|| there.dedupe());
    agree("--dedupe (DEDUPE)", "dedupe", given.dedupe.as_ref(), before.as_ref(), |all| names(all))?;
    let before = (!stored.avro().is_empty()).then(|| there.avro());
    agree("--avro (AVRO)", "avro", given.avro.as_ref(), before.as_ref(), |all| {
        format!("schemas of {}", names(all.keys()))
    })?;
    agree(
        "--plugins (PLUGINS)",
        "plugins",
        given.plugins.as_ref(),
        stored.plugins.as_ref(),
        |all| all.join(","),
    )?;
    agree(
        "--group-id (GROUP_ID)",
        "group-id",
        given.group_id.as_ref(),
        stored.group_id.as_ref(),
        Clone::clone,
    )?;
    agree("--keep (KEEP)", "keep", given.keep.as_ref(), stored.keep.as_ref(), |n| format!("{n}d"))?;
    if let (Some(flag), Some(table)) = (given.keep, tables.keep)
        && table != Some(flag)
    {
        return Err(table_contradicts(
            tables,
            "[retention]",
            &days(table),
            &format!("{flag}d of --keep (KEEP)"),
        ));
    }
    // Nothing contradicts, so each given value is stored already or is new.
    Ok(applied(stored, given, tables))
}

/// Returns the settings in which the values of flags and files replace stored ones.
pub(crate) fn applied(
    stored: &StoredSettings,
    given: &Given,
    tables: &DataTables,
) -> StoredSettings {
    let mut next = stored.clone();
    let given = with_tables(given.clone(), tables);
    let adds_a_model = tables
        .topics
        .values()
        .any(|table| table.as_ref().is_none_or(|table| table.model.is_some()));
    if next.bindings().is_none() && given.topics.is_none() && adds_a_model {
        // A table adds a topic to the default ones, or removes one of them.
        for (topic, model) in default_topics().0 {
            next.topics.entry(topic).or_default().model = Some(model);
        }
    }
    for (name, table) in &tables.topics {
        match table {
            Some(table) => drop(next.topics.insert(name.clone(), table.clone())),
            None => drop(next.topics.remove(name)),
        }
    }
    if let Some(bound) = &given.topics {
        next.topics.retain(|name, topic| topic.model.is_none() || bound.contains_key(name));
        each(&mut next, bound.keys(), |name, topic| topic.model = bound.get(name).cloned());
    }
    if let Some(all) = &given.event_fields {
        each(&mut next, all.keys(), |name, topic| topic.event_fields = all.get(name).cloned());
    }
    if let Some(all) = &given.dedupe {
        each(&mut next, all, |name, topic| topic.dedupe = all.contains(name));
    }
    if let Some(all) = &given.avro {
        each(&mut next, all.keys(), |name, topic| topic.avro = all.get(name).cloned());
    }
    if let Some(plugins) = &given.plugins {
        next.plugins = (!plugins.is_empty()).then(|| plugins.clone());
    }
    next.group_id = given.group_id.or(next.group_id);
    next.keep = given.keep.or(tables.keep.unwrap_or(next.keep));
    for (name, keep) in &tables.keep_series {
        match keep {
            Some(days) => drop(next.keep_series.insert(name.clone(), *days)),
            None => drop(next.keep_series.remove(name)),
        }
    }
    next.topics.retain(|_, topic| *topic != TopicSetting::default());
    next
}

/// Returns the flags with the values of the tables. Where a flag is given, a table replaces or
/// removes the flag's value for its topic.
fn with_tables(mut given: Given, tables: &DataTables) -> Given {
    fn put<T>(all: &mut Option<BTreeMap<String, T>>, name: &str, value: Option<T>) {
        match (all, value) {
            (Some(all), Some(value)) => drop(all.insert(name.to_owned(), value)),
            (Some(all), None) => drop(all.remove(name)),
            (None, _) => {}
        }
    }
    for (name, table) in &tables.topics {
        let TopicSetting { model, event_fields, dedupe, avro, .. } =
            table.clone().unwrap_or_default();
        put(&mut given.topics, name, model);
        put(&mut given.event_fields, name, event_fields);
        put(&mut given.avro, name, avro);
        if let Some(all) = &mut given.dedupe {
            let _ = if dedupe { all.insert(name.clone()) } else { all.remove(name) };
        }
    }
    given
}

/// Adds each named topic that is missing, then calls `set` for every topic.
fn each<'n>(
    next: &mut StoredSettings,
    named: impl IntoIterator<Item = &'n String>,
    set: impl Fn(&str, &mut TopicSetting),
) {
    for name in named {
        next.topics.entry(name.clone()).or_default();
    }
    for (name, topic) in &mut next.topics {
        set(name, topic);
    }
}

fn agree<T: PartialEq>(
    flag: &str,
    name: &str,
    given: Option<&T>,
    stored: Option<&T>,
    show: impl Fn(&T) -> String,
) -> Result<(), StoreError> {
    match (given, stored) {
        (Some(given), Some(stored)) if given != stored => Err(StoreError::Setting(format!(
            "{flag} is {}, but the database has {}: leave the flag out, or change the database \
                with `weir apply --{name} …`",
            show(given),
            show(stored)
        ))),
        _ => Ok(()),
    }
}

fn table_contradicts(tables: &DataTables, table: &str, says: &str, database: &str) -> StoreError {
    let files = tables.files.join(", ");
    StoreError::Setting(format!(
        "{table} of {files} is {says}, but the database has {database}: run `weir apply {files}` \
            to change the database"
    ))
}

fn names<'n>(all: impl IntoIterator<Item = &'n String>) -> String {
    all.into_iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn list(all: &BTreeMap<String, impl Display>) -> String {
    all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

fn days(keep: Option<u32>) -> String {
    keep.map_or_else(|| "forever".to_owned(), |n| format!("{n}d"))
}

fn shown(topic: &TopicSetting) -> String {
    serde_json::to_string(topic).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn topics(text: &str) -> Given {
        let bound: weir_model::TopicBindings = text.parse().unwrap();
        Given { topics: Some(bound.0), ..Given::default() }
    }

    fn table(text: &str) -> DataTables {
        let mut tables = DataTables::default();
        tables.take(&mut text.parse().unwrap(), std::path::Path::new("data.toml")).unwrap();
        tables
    }

    fn bound(settings: &StoredSettings) -> String {
        settings.bindings().map(|all| list(&all)).unwrap_or_default()
    }

    #[test]
    fn a_start_that_finds_nothing_sets_and_the_next_one_agrees() {
        let (nothing, no_tables) = (StoredSettings::default(), DataTables::default());
        assert_eq!(at_start(&nothing, &Given::default(), &no_tables).unwrap(), nothing);
        let flags = Given {
            event_fields: Some(
                [(
                    "orders".to_owned(),
                    weir_model::EventFields { entity_id: Some("/id".into()), ..Default::default() },
                )]
                .into(),
            ),
            dedupe: Some(["orders".to_owned()].into()),
            avro: Some([("orders".to_owned(), serde_json::json!({"type": "string"}))].into()),
            plugins: Some(vec!["daily_totals".into()]),
            group_id: Some("shop".into()),
            keep: Some(400),
            ..topics("+orders=events")
        };
        let set = at_start(&nothing, &flags, &no_tables).unwrap();
        assert_eq!(
            bound(&set),
            "build_events=builds,cdevents=cdevents,orders=events,readings=readings"
        );
        assert_eq!(at_start(&set, &flags, &no_tables).unwrap(), set);
        assert_eq!(at_start(&set, &Given::default(), &no_tables).unwrap(), set);
        let changes = nothing.changes(&set);
        assert_eq!(changes.len(), 7, "{changes:?}");

        for (given, flag, says, has) in [
            (topics("+pay=events"), "--topics (TOPICS)", "pay=events", "orders=events"),
            (
                Given { dedupe: Some(["pay".to_owned()].into()), ..Given::default() },
                "--dedupe (DEDUPE)",
                "pay",
                "orders",
            ),
            (
                Given { plugins: Some(vec!["other".into()]), ..Given::default() },
                "--plugins (PLUGINS)",
                "other",
                "daily_totals",
            ),
            (
                Given { group_id: Some("x".into()), ..Given::default() },
                "--group-id (GROUP_ID)",
                "x",
                "shop",
            ),
            (Given { keep: Some(30), ..Given::default() }, "--keep (KEEP)", "30d", "400d"),
            (
                Given {
                    avro: Some([("pay".to_owned(), serde_json::json!({}))].into()),
                    ..Given::default()
                },
                "--avro (AVRO)",
                "pay",
                "orders",
            ),
            (
                Given {
                    event_fields: Some(
                        [("orders".to_owned(), weir_model::EventFields::default())].into(),
                    ),
                    ..Given::default()
                },
                "--event-fields (EVENT_FIELDS)",
                "orders=",
                "entity_id:/id",
            ),
        ] {
            let error = at_start(&set, &given, &no_tables).expect_err(flag).to_string();
            for part in [flag, says, has, "`weir apply --"] {
                assert!(error.contains(part), "{part}: {error}");
            }
            let next = applied(&set, &given, &no_tables);
            assert_eq!(
                at_start(&next, &given, &no_tables).unwrap(),
                next,
                "{flag}: applied, it agrees"
            );
        }
        // A template sets empty texts.
        let empty = Given {
            dedupe: Some(BTreeSet::new()),
            plugins: Some(Vec::new()),
            event_fields: Some(BTreeMap::new()),
            ..Given::default()
        };
        assert_eq!(at_start(&set, &empty, &no_tables).unwrap(), set);
        assert_eq!(applied(&set, &empty, &no_tables).plugins, None);
    }

    #[test]
    fn tables_set_what_the_database_lacks() {
        let (nothing, none) = (StoredSettings::default(), Given::default());
        let file = table(
            "[topics.orders]\nmodel = \"events\"\nevent-fields = { entity_id = \"/id\" }\n[retention]\nkeep = \"30d\"",
        );
        let set = at_start(&nothing, &none, &file).unwrap();
        assert_eq!(
            bound(&set),
            "build_events=builds,cdevents=cdevents,orders=events,readings=readings"
        );
        assert_eq!((set.keep, at_start(&set, &none, &file).unwrap()), (Some(30), set.clone()));
        let more = table("[topics.pay]\nmodel = \"events\"\ndedupe = true");
        assert_eq!(at_start(&set, &none, &more).unwrap().topics.len(), 5);
        // The same with a flag, which is given at both starts.
        let with_flag = at_start(&nothing, &topics("+pay=events"), &file).unwrap();
        assert_eq!(at_start(&with_flag, &topics("+pay=events"), &file).unwrap(), with_flag);

        for text in [
            "[topics.orders]\nmodel = \"builds\"",
            "[topics.orders]\nremove = true",
            "[retention]\nkeep = \"forever\"",
        ] {
            let error = at_start(&set, &none, &table(text)).expect_err(text).to_string();
            assert!(
                error.contains("`weir apply data.toml`") && error.contains("but the database has"),
                "{error}"
            );
            let next = applied(&set, &none, &table(text));
            assert_eq!(at_start(&next, &none, &table(text)).unwrap(), next, "{text}");
        }
        assert_eq!(applied(&set, &none, &table("[retention]\nkeep = \"forever\"")).keep, None);
        // A series has its own retention.
        let series = table("[retention]\nkeep = \"30d\"\n[retention.readings]\nkeep = \"90d\"");
        let with_series = applied(&set, &none, &series);
        assert_eq!((with_series.keep, with_series.keep_series["readings"]), (Some(30), 90));
        assert_eq!(at_start(&with_series, &none, &series).unwrap(), with_series);
        let other = table("[retention.readings]\nkeep = \"91d\"");
        let error = at_start(&with_series, &none, &other).unwrap_err().to_string();
        assert!(error.contains("[retention.readings]") && error.contains("90d"), "{error}");
        let rows = with_series.changes(&StoredSettings::default());
        assert!(
            rows.iter()
                .any(|row| (row.kind.as_str(), row.name.as_str()) == ("retention", "readings"))
        );
        let forever = table("[retention.readings]\nkeep = \"forever\"");
        assert_eq!(applied(&with_series, &none, &forever), set);
        assert!(
            !bound(&applied(&set, &none, &table("[topics.orders]\nremove = true")))
                .contains("orders")
        );
        assert_eq!(bound(&applied(&set, &topics("a=events"), &DataTables::default())), "a=events");
    }

    #[test]
    fn what_a_table_cannot_say_is_named() {
        for (text, says) in [
            ("[topics.orders]\nmodle = \"events\"", "unknown field `modle`"),
            ("[topics.orders]", "the table is empty"),
            ("[topics.orders]\nevent-fields = { entity_id = \"id\" }", "must begin with /"),
            ("[topics.orders]\nevent-fields = { id = \"/id\" }", "unknown field `id`"),
            ("[topics.orders]\navro = \"no.avsc\"", "no.avsc"),
            ("[retention]\nkeep = \"soon\"", "not a number of days"),
            ("[retention]\nkeep = 3", "keep: integer is not a text"),
            ("[retention.readings]\nkeep = \"soon\"", "[retention.readings]: keep:"),
            ("[retention.readings]\nkept = \"3d\"", "[retention.readings]: "),
            ("[retention]\nreadings = \"3d\"", "[retention.readings]: "),
        ] {
            let error = DataTables::default()
                .take(&mut text.parse().unwrap(), std::path::Path::new("data.toml"))
                .expect_err(text)
                .to_string();
            assert!(
                error.starts_with("data.toml: [") && error.contains(says) && !error.contains('\n'),
                "{says}: {error}"
            );
        }
    }
}
