//! The function of each route of API Gateway, and the callers of the other functions.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use weir_testkit::template::Template;

#[test]
fn what_is_collected_goes_to_collect_and_everything_else_to_the_api() -> Result<()> {
    let template = Template::read()?;
    let (mut collect, mut api) = (BTreeSet::new(), BTreeSet::new());
    for name in template.resources("AWS::ApiGatewayV2::Route")? {
        let key = template
            .at(&["Resources", name, "Properties", "RouteKey"])?
            .as_str()
            .context("a text")?;
        let target = template.texts(&["Resources", name, "Properties", "Target"])?;
        let to =
            if target == ["integrations/${CollectIntegration}"] { &mut collect } else { &mut api };
        to.insert(key.to_owned());
        // No route is open unless a parameter opens it.
        let asked = template.texts(&["Resources", name, "Properties", "AuthorizationType"])?;
        assert!(
            asked.contains(&"AWS_IAM") && asked.contains(&"JWT") && asked[0] == "AuthKeys",
            "{name}: {asked:?}"
        );
    }
    assert_eq!(api, BTreeSet::from(["$default".to_owned()]));
    let routes = [
        "POST /cdevents",
        "POST /events/{topic}",
        "POST /ingest",
        "POST /ingest/upload",
        "POST /ingest/{topic}",
        "POST /webhook/{id}",
    ];
    assert_eq!(collect, routes.map(str::to_owned).into());
    Ok(())
}

#[test]
fn the_schedule_says_which_day_and_failures_of_dump_and_collect_are_kept() -> Result<()> {
    let template = Template::read()?;
    let input = template.at(&[
        "Resources",
        "DumpFunction",
        "Properties",
        "Events",
        "Daily",
        "Properties",
        "Input",
    ])?;
    assert_eq!(input, r#"{"scheduled_time":"<aws.scheduler.scheduled-time>"}"#);
    for function in ["DumpFunction", "CollectFunction"] {
        let to = template.texts(&[
            "Resources",
            function,
            "Properties",
            "EventInvokeConfig",
            "DestinationConfig",
            "OnFailure",
        ])?;
        assert_eq!(to, ["SQS", "FailedEvents.Arn"], "{function}");
    }
    Ok(())
}

#[test]
fn limits_nest() -> Result<()> {
    let template = Template::read()?;
    let number = |names: &[&str]| -> Result<u64> {
        let value = template.at(names)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).with_context(|| names.join("."))
    };
    let variable = |function, name| {
        number(&["Resources", function, "Properties", "Environment", "Variables", name])
    };
    let timeout = |function| number(&["Resources", function, "Properties", "Timeout"]);
    // Each timeout is shorter than the next one: the database's, the request's, the function's, and
    // the 30 s of API Gateway.
    let (statement, request) = (
        variable("ApiFunction", "STATEMENT_TIMEOUT")?,
        variable("ApiFunction", "REQUEST_TIMEOUT")?,
    );
    assert!(
        statement < request && request < timeout("ApiFunction")? && timeout("ApiFunction")? < 30
    );
    assert!(timeout("IngestFunction")? > 60 + 2, "a statement may take 60 s");
    for function in ["DumpFunction", "AdminFunction"] {
        assert!(variable(function, "STATEMENT_TIMEOUT")? < timeout(function)?, "{function}");
    }
    assert_eq!(
        number(&["Resources", "Schema", "Properties", "ServiceTimeout"])?,
        timeout("MigrateFunction")?
    );
    Ok(())
}
