//! Tests the settings of topics on a command line.

use clap::Parser;
use weir_model::{TopicBindings, TopicFields, Topics, TopicsConfig, TopicsError, models::builtin};

/// As `weir-settings` has them.
#[derive(Parser)]
struct Program {
    #[arg(long)]
    topics: Option<TopicBindings>,
    #[arg(long, value_delimiter = ';')]
    event_fields: Vec<TopicFields>,
    #[arg(long, value_delimiter = ',')]
    dedupe: Vec<String>,
}

fn topics(arguments: &[&str]) -> Result<Topics, String> {
    let program =
        Program::try_parse_from(["weir"].iter().chain(arguments)).map_err(|e| e.to_string())?;
    let Program { topics, event_fields, dedupe } = program;
    let topics = topics.unwrap_or_else(weir_model::default_topics);
    Topics::new(
        &TopicsConfig { topics, event_fields, dedupe, ..TopicsConfig::default() },
        &builtin(),
    )
    .map_err(|e| e.to_string())
}

#[test]
fn the_default_binds_every_model_that_names_a_topic() {
    let topics = topics(&[]).unwrap();
    assert_eq!(
        topics.iter().collect::<Vec<_>>(),
        [("build_events", "builds"), ("cdevents", "cdevents"), ("readings", "readings")]
    );
    assert_eq!(topics.model_index("readings"), builtin().index("readings"));
    assert_eq!(
        (topics.model_index("other"), topics.dedupes("readings"), topics.fields("readings")),
        (None, false, None)
    );
    let config = Topics::new(&TopicsConfig::default(), &builtin()).unwrap();
    assert_eq!(config.iter().collect::<Vec<_>>(), topics.iter().collect::<Vec<_>>());
}

#[test]
fn fields_and_dedupe_belong_to_their_topic() {
    let fields = "orders=entity_id:/id,event_time:/at,event_type:/a~1b;carts=event_version:/v";
    let topics = topics(&[
        "--topics",
        "orders=events,carts=events",
        "--event-fields",
        fields,
        "--dedupe",
        "orders, carts,",
    ])
    .unwrap();
    let orders = topics.fields("orders").unwrap();
    assert_eq!(
        (orders.entity_id.as_deref(), orders.event_time.as_deref(), orders.event_type.as_deref()),
        (Some("/id"), Some("/at"), Some("/a~1b"))
    );
    assert_eq!(topics.fields("carts").unwrap().event_version.as_deref(), Some("/v"));
    assert!(topics.dedupes("orders") && topics.dedupes("carts"));
    assert_eq!(topics.of_model("events"), ["carts", "orders"]);
}

#[test]
fn empty_settings_are_no_settings() {
    // A SAM parameter that is not set is an empty text.
    let topics = topics(&["--event-fields", "", "--dedupe", ""]).unwrap();
    assert_eq!(topics.iter().count(), weir_model::default_topics().0.len());
}

#[test]
fn wrong_settings_are_one_clear_line() {
    for (arguments, expected) in [
        (&["--topics", "a=b=c"][..], "bound to the unknown model"),
        (&["--topics", ""], "no topic is bound"),
        (&["--topics", "+a,a"], "is bound twice"),
        (&["--topics", "a b=events"], "is not a topic name"),
        (
            &["--event-fields", "x=entity_id:/id"],
            "--event-fields names topic \"x\", which is not bound to a model: bind it with --topics",
        ),
        (
            &["--event-fields", "readings=entity_id:/id;readings=event_type:/t"],
            "the fields of topic \"readings\" are set twice: set them once",
        ),
        (
            &["--event-fields", "readings=id:/id"],
            "is not a setting of fields: give TOPIC=FIELD:/POINTER",
        ),
        (
            &["--dedupe", "x"],
            "--dedupe names topic \"x\", which is not bound to a model: bind it with --topics",
        ),
    ] {
        let error = topics(arguments).expect_err(expected);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(
        "a=x,a=y".parse::<weir_model::TopicBindings>(),
        Err(TopicsError::Twice("a".to_owned()))
    );
}
