//! Topics, models, mappings and groups.

use anyhow::{Context, Result};
use weir_model::{TopicBindings, TopicsConfig};
use weir_testkit::template::{Template, plain, texts};

/// The mapping, which CloudFormation makes for each topic.
const EACH: &str = "Fn::ForEach::TopicMappings";

#[test]
fn what_is_bound_by_default_is_bound_in_the_template() -> Result<()> {
    let template = Template::read()?;
    let default = template.at(&["Parameters", "Topics", "Default"])?.as_str().context("a text")?;
    let bound: TopicBindings = default.parse()?;
    assert_eq!(bound, TopicsConfig::default().topics);
    assert_eq!(template.at(&["Parameters", "TopicModels", "Default"])?, "");
    // The setting that migrate stores, and the variable of collect, which uses no database.
    let stored = ["Resources", "Schema", "Properties", "Settings", "TOPICS"];
    let told = ["Resources", "CollectFunction", "Properties", "Environment", "Variables", "TOPICS"];
    for place in [&stored[..], &told[..]] {
        let texts = template.texts(place)?;
        assert_eq!(texts[..5], ["HasTopics", ",", ",", "Topics", "TopicModels"], "{place:?}");
    }
    assert_eq!(template.texts(&["Resources", "Schema", "Properties", "Topics"])?, ["Topics"]);
    Ok(())
}

/// `tests/external/sam/check` expands the mappings with SAM CLI.
#[test]
fn each_topic_has_a_mapping_with_the_group_that_the_function_is_told_of() -> Result<()> {
    let template = Template::read()?;
    assert!(template.resources("AWS::Lambda::EventSourceMapping")?.is_empty(), "all are expanded");
    let told = template.at(&["Resources", "Schema", "Properties", "Settings", "GROUP_ID"])?;
    let group = plain(told).as_str().context("a text")?.replace("{topic}", "${Topic}");
    assert_eq!(group, "${AWS::StackName}.${Topic}");
    let each = template.at(&["Resources", EACH])?;
    assert_eq!(texts(&each[0]), ["Topic"]);
    assert_eq!(texts(&each[1]), ["Topics"]);
    let mapping = &each[2]["TopicMapping&{Topic}"];
    assert_eq!(mapping["Type"], "AWS::Lambda::EventSourceMapping");
    assert_eq!(mapping["Condition"], "HasTopics");
    assert_eq!(mapping["DependsOn"], "Schema", "a mapping begins when its topic is there");
    let properties = &mapping["Properties"];
    // CloudFormation has created the topic of an Express cluster before.
    let express = ["MakeExpressTopics", "/", "ExpressTopic&{Topic}", "TopicArn", "Topic"];
    assert_eq!(texts(&properties["Topics"]), express);
    for config in ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"] {
        let texts = texts(&properties[config]);
        assert!(texts.contains(&group.as_str()), "{config}: {group} in {texts:?}");
    }
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
    let files = template.at(&["Resources", "Schema", "Properties", "Files"])?;
    assert_eq!(plain(files), "PackagedFiles", "a changed file calls migrate");
    let layers = template.texts(&["Resources", "MigrateFunction", "Properties", "Layers"])?;
    assert_eq!(layers, ["PackagedFiles"]);
    let code = template.at(&["Resources", "Schema", "Properties", "Code"])?;
    assert_eq!(plain(code), "MigrateFunction.Version", "a new release calls migrate");
    Ok(())
}
