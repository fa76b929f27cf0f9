//! The binaries of `sam build` have the features that the template needs.

/// SAM passes the binary's name to cargo-lambda, but no features. The features are in the
/// workspace's metadata.
#[test]
fn what_lambda_needs_is_built_in() {
    let workspace = include_str!("../../Cargo.toml");
    let features = workspace
        .split_once("[workspace.metadata.lambda.build]")
        .and_then(|(_, rest)| rest.lines().nth(1))
        .unwrap_or_default();
    for feature in ["weir-function/otel", "weir-store/vendored-openssl"] {
        assert!(features.contains(&format!("{feature:?}")), "{feature} in {features}");
    }
}
