//! The template sets the variables that the function needs, and no unknown ones. Its routes are
//! exactly those of the function.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, Result};
use weir_collect::{CollectLimits, CollectState, Sources, SourcesConfig, intake::Intake};
use weir_http::{AccessConfig, Auth};
use weir_kafka::Producer;
use weir_model::{Topics, TopicsConfig, models};
use weir_testkit::template::{Template, check_environment};

#[test]
fn the_template_sets_what_the_function_knows() -> Result<()> {
    let needed = [
        "KAFKA_URL",
        "KAFKA_PROPERTIES",
        "KAFKA_IAM_REGION",
        "TOPICS",
        "EVENT_FIELDS",
        "AUTH",
        "API_KEYS_SECRET_ARN",
        "SOURCES",
        "UPLOAD_URL",
        "FILES",
        "ENCODING",
        "DELIMITER",
        "TYPES",
    ];
    check_environment("CollectFunction", env!("CARGO_BIN_EXE_collect"), &needed)
}

#[tokio::test]
async fn the_template_routes_to_it_what_it_answers() -> Result<()> {
    let models = models::builtin();
    let topics = Topics::new(&TopicsConfig::default(), &models)?;
    let producer = Producer::new("127.0.0.1:9", &[].into())?;
    let intake = Intake::new(Arc::new(producer), models, topics, Vec::new());
    let sources = Sources::open(&SourcesConfig::of_text("")?, &intake).await?;
    let access = AccessConfig { api_keys_file: None, api_keys_secret_arn: None, auth: Auth::Iam }
        .for_function()
        .await?;
    let limits = CollectLimits::default();
    let (_, document) =
        weir_collect::routes(CollectState::new(intake, sources, access, limits)).split_for_parts();
    let document: serde_json::Value = serde_json::from_str(&document.to_json()?)?;
    let mut answered = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().context("paths")? {
        answered.extend(
            methods
                .as_object()
                .context("methods")?
                .keys()
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }

    let template = Template::read()?;
    let mut routed = BTreeSet::new();
    for name in template.resources("AWS::ApiGatewayV2::Route")? {
        if template.texts(&["Resources", name, "Properties", "Target"])?
            == ["integrations/${CollectIntegration}"]
        {
            let key = template.at(&["Resources", name, "Properties", "RouteKey"])?;
            routed.insert(key.as_str().context("a text")?.to_owned());
        }
    }
    assert_eq!(routed, answered);
    Ok(())
}
