//! Sends every example of GitHub's webhooks. `tests/external/octokit/run` fetches the examples and
//! starts this test.

use serde_json::Value;

use crate::converters::{hub, world};

/// The number of examples in the version that the script fetches.
const EXAMPLES: usize = 329;

#[tokio::test]
#[ignore = "needs Octokit's examples: bash tests/external/octokit/run"]
async fn no_example_of_octokit_is_answered_with_4xx() {
    let file = std::env::var("WEIR_TEST_WEBHOOKS").expect("run tests/external/octokit/run");
    let kinds: Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("the list")).expect("JSON");
    let world = world().await;
    let (mut examples, mut accepted) = (0, 0);
    for kind in kinds.as_array().expect("a list") {
        let name = kind["name"].as_str().expect("a name");
        for example in kind["examples"].as_array().expect("examples") {
            let answer = hub(&world, name, &example.to_string()).await;
            assert_eq!(answer.status, 202, "{name}: {} to {example}", answer.text());
            examples += 1;
            accepted += answer.json()["accepted"].as_u64().expect("a number");
        }
    }
    assert_eq!(examples, EXAMPLES);
    assert_eq!(u64::try_from(world.values("cdevents").len()).expect("few"), accepted);
    assert!(accepted > 40, "{accepted} events");
}
