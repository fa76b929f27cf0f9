//! Topics, models, mappings and groups.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use weir_model::{TopicsConfig, models};
use weir_testkit::template::{Template, plain};

/// Returns the parameters with topics, and the default of each.
fn defaults(template: &Template) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for name in ["BuildsTopic", "ReadingsTopic", "CdeventsTopic", "FreeTopic1", "FreeTopic2"] {
        all.insert(
            name.to_owned(),
            template.at(&["Parameters", name, "Default"])?.as_str().context("a text")?.to_owned(),
        );
    }
    Ok(all)
}

#[test]
fn what_is_bound_by_default_is_bound_in_the_template() -> Result<()> {
    let template = Template::read()?;
    let defaults = defaults(&template)?;
    let models = models::builtin();
    // The setting that migrate stores, and the variable of collect, which uses no database.
    let stored = ["Resources", "Schema", "Properties", "Settings", "TOPICS"];
    let told = ["Resources", "CollectFunction", "Properties", "Environment", "Variables", "TOPICS"];
    for (function, place) in [("migrate", &stored[..]), ("collect", &told[..])] {
        let texts = template.texts(place)?;
        let bound: BTreeMap<&str, &str> = texts
            .iter()
            .filter_map(|text| text.split_once('='))
            .map(|(topic, model)| (topic.trim_start_matches("${").trim_end_matches('}'), model))
            .collect();
        assert_eq!(bound.len(), 5, "{function}: {bound:?}");
        for (parameter, model) in &bound {
            let parameter = (*parameter).to_owned();
            anyhow::ensure!(
                defaults.contains_key(&parameter),
                "{function} binds {parameter}, which is not a parameter"
            );
            let is_model =
                models.iter().any(|m| m.name() == *model) || model.starts_with("${FreeModel");
            anyhow::ensure!(
                is_model,
                "{function} binds {parameter} to {model}, which is not a model"
            );
        }
        for (topic, model) in &TopicsConfig::default().topics.0 {
            let parameter =
                bound.iter().find(|(_, bound)| **bound == model).map(|(parameter, _)| *parameter);
            let parameter =
                parameter.with_context(|| format!("{function} binds no topic to {model}"))?;
            assert_eq!(&defaults[parameter], topic, "{function}: the default topic of {model}");
        }
    }
    Ok(())
}

#[test]
fn each_topic_has_a_mapping_with_the_group_that_the_function_is_told_of() -> Result<()> {
    let template = Template::read()?;
    let told = template.at(&["Resources", "Schema", "Properties", "Settings", "GROUP_ID"])?;
    let told = told.as_str().context("a text")?;
    let mut topics = Vec::new();
    for name in template.resources("AWS::Lambda::EventSourceMapping")? {
        let topic = template.texts(&["Resources", name, "Properties", "Topics"])?;
        let [topic] = topic[..] else { panic!("{name} has one topic: {topic:?}") };
        for config in ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"] {
            let texts = template.texts(&["Resources", name, "Properties", config])?;
            let group = told.replace("{topic}", &format!("${{{topic}}}"));
            assert!(texts.contains(&group.as_str()), "{name}: {group} in {texts:?}");
        }
        assert_eq!(
            template.at(&["Resources", name, "DependsOn"])?,
            "Schema",
            "{name} begins when its topic is there"
        );
        topics.push(topic.to_owned());
    }
    topics.sort();
    assert_eq!(topics, defaults(&template)?.into_keys().collect::<Vec<_>>());
    // The topics that migrate creates.
    let made = template.texts(&["Resources", "Schema", "Properties", "Topics"])?;
    assert!(topics.iter().all(|topic| made.contains(&topic.as_str())), "{made:?}");
    Ok(())
}

#[test]
fn nothing_takes_traffic_before_the_schema_is_there() -> Result<()> {
    let template = Template::read()?;
    assert_eq!(template.at(&["Resources", "DumpFunction", "DependsOn"])?, "Schema");
    let brokers = template.texts(&[
        "Resources",
        "CollectFunction",
        "Properties",
        "Environment",
        "Variables",
        "KAFKA_URL",
    ])?;
    assert_eq!(brokers, ["Schema.KafkaUrl"], "so collect waits, too");
    for function in ["IngestFunction", "ApiFunction"] {
        let version = template.at(&[
            "Resources",
            function,
            "Properties",
            "Environment",
            "Variables",
            "SETTINGS_VERSION",
        ])?;
        assert_eq!(
            plain(version),
            "Schema.Settings",
            "{function} waits, and starts again when its settings change"
        );
    }
    let code = template.at(&["Resources", "Schema", "Properties", "Code"])?;
    assert_eq!(plain(code), "MigrateFunction.Version", "a new release calls migrate");
    Ok(())
}
