//! The settings of the data in force, and the writer with these settings.

use std::collections::BTreeSet;

use weir_model::{
    Models, ProjectionKind, TopicBindings, TopicFields, Topics, TopicsConfig, default_topics,
};
use weir_plugin::{Plugins, PluginsConfig, avro::AvroSchema};
use weir_store::{
    DatabaseConfig, Store, StoreError, WriteLimits, Writer,
    retention::Keep,
    settings::{self, Setting},
};

use crate::{
    decide::{applied, at_start},
    flags::{DataFlags, Given},
    stored::StoredSettings,
    tables::DataTables,
};

/// The origin of a setting that a person has set with `weir apply`.
pub const BY_HAND: &str = "apply";

/// The consumer group if none is set.
const GROUP: &str = "weir";

/// The settings of the data in flags and files.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The values of the flags.
    pub given: Given,
    /// The tables of the files.
    pub tables: DataTables,
}

/// The settings of the data in force.
#[derive(Debug, Clone)]
pub struct DataSettings {
    /// Topics with their models, fields, dedupe and groups.
    pub topics: TopicsConfig,
    /// Plugins and decoders.
    pub plugins: PluginsConfig,
    /// The consumer group; `{topic}` in it is replaced by the topic's name.
    pub group_id: String,
    /// The retention of the log and of the series.
    pub keep: Keep,
}

impl Wanted {
    /// Reads the flags only, without files.
    pub fn of(flags: &DataFlags) -> Result<Self, StoreError> {
        Ok(Self { given: flags.given()?, tables: DataTables::default() })
    }

    /// Checks these settings without the database.
    pub fn check(&self, models: &Models, plugins: &Plugins) -> Result<(), StoreError> {
        let mut given = self.given.clone();
        if given.topics.is_none() {
            // They may belong to topics that are set in the database.
            (given.event_fields, given.dedupe) = (None, None);
        }
        // A series is a model, whatever is stored.
        let tables =
            DataTables { keep_series: self.tables.keep_series.clone(), ..DataTables::default() };
        Self { given, tables }.alone()?.check(models, plugins)
    }

    /// Returns the settings that are in force on a database without settings.
    pub fn alone(&self) -> Result<DataSettings, StoreError> {
        Ok(DataSettings::of(&at_start(&StoredSettings::default(), &self.given, &self.tables)?))
    }

    /// Returns the settings in force on this database. Stores nothing; a contradiction is an error.
    pub async fn in_force(&self, store: &Store) -> Result<DataSettings, StoreError> {
        self.in_force_with(&settings::read(store).await?)
    }

    /// Returns the settings in force with rows that are already read.
    pub fn in_force_with(&self, rows: &[Setting]) -> Result<DataSettings, StoreError> {
        Ok(DataSettings::of(&at_start(&StoredSettings::of(rows)?, &self.given, &self.tables)?))
    }

    /// Stores the settings that are not set yet, and returns the settings in force. Settings that
    /// models or plugins refuse are not stored.
    pub async fn start(
        &self,
        store: &Store,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<DataSettings, StoreError> {
        self.store_by(store, "start", models, plugins, at_start).await
    }

    /// Stores all settings, replaces existing ones, and returns the settings in force.
    pub async fn apply(
        &self,
        store: &Store,
        set_by: &str,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<DataSettings, StoreError> {
        self.store_by(store, set_by, models, plugins, |stored, given, tables| {
            Ok(applied(stored, given, tables))
        })
        .await
    }

    /// Returns the changes that [`apply`](Self::apply) would make, one line each. Settings that
    /// models or plugins refuse are an error.
    pub async fn plan(
        &self,
        store: &Store,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<Vec<String>, StoreError> {
        let stored = StoredSettings::of(&settings::read(store).await?)?;
        let next = applied(&stored, &self.given, &self.tables);
        let (now, then) = (DataSettings::of(&stored), DataSettings::of(&next));
        then.check(models, plugins)?;
        let mut lines = stored.describe(&stored.changes(&next));
        lines.extend(
            now.topic_names()
                .iter()
                .filter(|topic| !then.topics.topics.0.contains_key(*topic))
                .map(|topic| {
                    format!(
                        "topic {topic} is removed: Weir no longer reads it; its stored records stay"
                    )
                }),
        );
        Ok(lines)
    }

    /// Returns the changes that [`apply`](Self::apply) would make to settings that a person has set
    /// with `weir apply`, one line each.
    pub async fn contradictions(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let rows = match settings::read(store).await {
            Err(StoreError::Schema(_)) => return Ok(Vec::new()),
            rows => rows?,
        };
        let stored = StoredSettings::of(&rows)?;
        let mut changes = stored.changes(&applied(&stored, &self.given, &self.tables));
        changes.retain(|change| {
            let same = |row: &Setting| (&row.kind, &row.name) == (&change.kind, &change.name);
            rows.iter().any(|row| same(row) && row.set_by == BY_HAND)
        });
        Ok(stored.describe(&changes))
    }

    async fn store_by(
        &self,
        store: &Store,
        set_by: &str,
        models: &Models,
        plugins: &Plugins,
        decide: impl Fn(&StoredSettings, &Given, &DataTables) -> Result<StoredSettings, StoreError>,
    ) -> Result<DataSettings, StoreError> {
        let next = |rows: &[Setting]| {
            let stored = StoredSettings::of(rows)?;
            let next = decide(&stored, &self.given, &self.tables)?;
            let data = DataSettings::of(&next);
            data.check(models, plugins)?;
            Ok::<_, StoreError>((stored.changes(&next), data))
        };
        let rows = settings::read(store).await?;
        let (changes, data) = next(&rows)?;
        if changes.is_empty() {
            return Ok(data);
        }
        settings::change(store, set_by, |rows| Ok(next(rows)?.0)).await?;
        let rows = settings::read(store).await?;
        Ok(DataSettings::of(&StoredSettings::of(&rows)?))
    }
}

impl DataSettings {
    fn of(stored: &StoredSettings) -> Self {
        let fields = stored.event_fields();
        let groups = stored
            .topics
            .iter()
            .filter_map(|(name, topic)| Some((name.clone(), topic.group.clone()?)));
        let topics = TopicsConfig {
            topics: stored.bindings().map_or_else(default_topics, TopicBindings),
            event_fields: fields
                .iter()
                .map(|(topic, fields)| TopicFields::new(topic, fields))
                .collect(),
            dedupe: stored.dedupe().into_iter().collect(),
            groups: groups.collect(),
        };
        let avro = stored.avro().into_iter().map(|(topic, schema)| AvroSchema { topic, schema });
        let plugins = PluginsConfig {
            plugins: stored.plugins.clone().unwrap_or_default(),
            avro: avro.collect(),
        };
        Self {
            topics,
            plugins,
            group_id: stored.group_id.clone().unwrap_or_else(|| GROUP.to_owned()),
            keep: Keep { log: stored.keep, series: stored.keep_series.clone() },
        }
    }

    /// Checks the settings as [`writer_on`](Self::writer_on) does, without a database.
    pub fn check(&self, models: &Models, plugins: &Plugins) -> Result<(), StoreError> {
        // A name is a key: of the setting, of the schema, of the path.
        let mut names: Vec<&str> = models.iter().map(|m| m.name()).chain(plugins.names()).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(StoreError::Setting(format!(
                "two models or plugins are called {name:?}: give each a different name"
            )));
        }
        if let Some(name) = self
            .keep
            .series
            .keys()
            .find(|name| !models.get(name).is_some_and(|m| m.kind() == ProjectionKind::Series))
        {
            let series = models.iter().filter(|m| m.kind() == ProjectionKind::Series);
            let series: Vec<&str> = series.map(|m| m.name()).collect();
            return Err(StoreError::Setting(format!(
                "[retention.{name}]: no series has this name; the series are: {}",
                series.join(", ")
            )));
        }
        let anywhere = Store::new(&DatabaseConfig::from_url("postgresql://localhost"))?;
        self.writer_on(anywhere, &WriteLimits::default(), models, plugins).map(drop)
    }

    /// Returns the topics that have a model, sorted.
    pub fn topic_names(&self) -> Vec<String> {
        self.topics.topics.0.keys().cloned().collect()
    }

    /// Returns the consumer group that reads a topic.
    pub fn group_of(&self, topic: &str) -> String {
        weir_store::group_of(self.topics.groups.get(topic).unwrap_or(&self.group_id), topic)
    }

    /// Returns the group that reads all topics. Several groups are an error, for a program that
    /// reads with one group.
    pub fn one_group(&self) -> Result<String, StoreError> {
        let groups: BTreeSet<String> =
            self.topic_names().iter().map(|topic| self.group_of(topic)).collect();
        let mut groups = groups.into_iter();
        match (groups.next(), groups.next()) {
            (Some(group), None) => Ok(group),
            (None, _) => Ok(self.group_id.clone()),
            (Some(one), Some(other)) => Err(StoreError::Setting(format!(
                "topics have the consumer groups {one} and {other}, and one weir reads for one \
                    group: give all topics the same group with `weir apply`"
            ))),
        }
    }

    /// Returns the enabled plugins.
    pub fn switched_on(&self, plugins: &Plugins) -> Result<Plugins, StoreError> {
        plugins.switched_on(&self.plugins).map_err(StoreError::Setting)
    }

    /// Returns a writer with these settings on a store. It does not connect yet. Wrong settings are
    /// an error.
    pub fn writer_on(
        &self,
        store: Store,
        limits: &WriteLimits,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<Writer, StoreError> {
        let wrong = |group: &str| group.is_empty() || group.contains('\0');
        if wrong(&self.group_id) || self.topics.groups.values().any(|group| wrong(group)) {
            return Err(StoreError::Setting(
                "--group-id is empty: give the name of a consumer group".into(),
            ));
        }
        models.check().map_err(StoreError::Setting)?;
        let topics =
            Topics::new(&self.topics, models).map_err(|e| StoreError::Setting(e.to_string()))?;
        let on = self.switched_on(plugins)?;
        let writer = Writer::new(store, models.clone(), topics, self.group_id.clone());
        Ok(writer
            .with_plugins(on.database())
            .with_decoders(on.decoders())
            .with_limits(limits.clone()))
    }
}
