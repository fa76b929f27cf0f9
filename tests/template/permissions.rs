//! Each role has the permissions that its function's code needs, and no others.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_yaml_ng::Value;
use weir_testkit::template::{Template, plain, texts};

/// The permissions of each role, with the code that needs them.
const ALLOWED: [(&str, &[&str]); 7] = [
    (
        "IngestRole",
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            // shared/store: connect.rs
            "rds-db:connect",
            // shared/store: secret.rs; the event source mapping, for SCRAM
            "secretsmanager:GetSecretValue",
            // The pollers of the event source mapping.
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "kafka:DescribeCluster",
            "kafka:DescribeClusterV2",
            "kafka:GetBootstrapBrokers",
            "kafka-cluster:Connect",
            "kafka-cluster:DescribeClusterDynamicConfiguration",
            "kafka-cluster:DescribeGroup",
            "kafka-cluster:AlterGroup",
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:DescribeTopicDynamicConfiguration",
            "kafka-cluster:ReadData",
        ],
    ),
    (
        "ApiRole",
        // shared/http: access/source.rs; functions/api: dumps.rs
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "rds-db:connect",
            "secretsmanager:GetSecretValue",
            "s3:GetObject",
            "s3:ListBucket",
        ],
    ),
    (
        "DumpRole",
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "rds-db:connect",
            "secretsmanager:GetSecretValue",
            // shared/blob: upload.rs, left_uploads.rs
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            // Lambda's failure destination.
            "sqs:SendMessage",
        ],
    ),
    (
        "CollectRole",
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sqs:SendMessage",
            // shared/kafka: producer/settings.rs (the producer is idempotent)
            "kafka-cluster:Connect",
            "kafka-cluster:WriteDataIdempotently",
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:WriteData",
            // API keys, secrets of sources
            "secretsmanager:GetSecretValue",
            // functions/collect: function/s3.rs
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObject",
            "s3:PutObjectTagging",
            "s3:PutObjectVersionTagging",
        ],
    ),
    (
        "AdminRole",
        // functions/local: commands/
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "rds-db:connect",
            // The database's secret, API keys
            "secretsmanager:GetSecretValue",
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            "kafka-cluster:Connect",
            "kafka-cluster:DescribeClusterDynamicConfiguration",
            "kafka-cluster:DescribeGroup",
            "kafka-cluster:AlterGroup",
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:DescribeTopicDynamicConfiguration",
            "kafka-cluster:ReadData",
        ],
    ),
    (
        "MigrateRole",
        &[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "secretsmanager:GetSecretValue",
            // shared/kafka: msk.rs
            "kafka:GetBootstrapBrokers",
            // shared/kafka: topics/mod.rs
            "kafka-cluster:Connect",
            "kafka-cluster:CreateTopic",
            "kafka-cluster:DescribeTopic",
        ],
    ),
    ("ScheduleRole", &["lambda:InvokeFunction"]),
];

/// Permissions of EC2 that cannot be limited to a resource.
const NAMELESS: [&str; 3] =
    ["ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"];

/// Collects every statement below a value.
fn statements<'t>(value: &'t Value, all: &mut Vec<&'t Value>) {
    match plain(value) {
        Value::Mapping(pairs) if pairs.contains_key("Effect") => all.push(plain(value)),
        Value::Mapping(pairs) => pairs.values().for_each(|value| statements(value, all)),
        Value::Sequence(values) => values.iter().for_each(|value| statements(value, all)),
        _ => {}
    }
}

#[test]
fn each_role_may_do_what_its_function_does() -> Result<()> {
    let template = Template::read()?;
    let mut roles: BTreeSet<&str> = template.resources("AWS::IAM::Role")?.into_iter().collect();
    // The instance of DatabaseAccess has AWS's own policy for Session Manager.
    assert!(roles.remove("AccessRole"));
    assert_eq!(roles, ALLOWED.iter().map(|(role, _)| *role).collect());
    for (role, allowed) in ALLOWED {
        let mut all = Vec::new();
        statements(template.at(&["Resources", role, "Properties", "Policies"])?, &mut all);
        let mut actions = BTreeSet::new();
        for statement in all {
            let asked = texts(&statement["Action"]);
            let resources = texts(&statement["Resource"]);
            for action in &asked {
                assert!(!action.contains('*'), "{role}: {action} is spelled out");
            }
            if resources.contains(&"*") {
                assert!(
                    asked.iter().all(|action| NAMELESS.contains(action)),
                    "{role}: {asked:?} on everything"
                );
            }
            actions.extend(asked);
        }
        assert_eq!(actions, allowed.iter().copied().collect(), "{role}");
    }
    Ok(())
}

/// A comment at most this many lines above a wildcard explains it.
const EXPLAINED_WITHIN: usize = 8;

#[test]
fn each_wildcard_of_a_policy_is_explained() {
    let lines: Vec<&str> = include_str!("../../template.yaml").lines().collect();
    let of_policy = |line: &str| {
        ["Resource:", "SourceArn:", "Principal:", "Action:", "ArnLike:"]
            .iter()
            .any(|key| line.contains(key))
    };
    let wild = |line: &str| line.contains('*') || line.contains("${TopicAccess}");
    let mut seen = 0;
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| of_policy(line) && wild(line)) {
        let above = &lines[n.saturating_sub(EXPLAINED_WITHIN)..n];
        let explained = above.iter().any(|line| line.trim_start().starts_with('#'));
        assert!(explained, "line {}: no comment explains the wildcard in {line}", n + 1);
        seen += 1;
    }
    assert!(seen > 10, "{seen} wildcards");
}

#[test]
fn each_function_has_a_separate_role_and_database_user() -> Result<()> {
    let template = Template::read()?;
    let mut roles = BTreeSet::new();
    for (function, user) in [
        ("IngestFunction", "weir_ingest"),
        ("ApiFunction", "weir_api"),
        ("DumpFunction", "weir_dump"),
        ("AdminFunction", "weir_operator"),
        ("CollectFunction", ""),
        ("MigrateFunction", ""),
    ] {
        let role = template.texts(&["Resources", function, "Properties", "Role"])?;
        let role = role
            .first()
            .and_then(|role| role.strip_suffix(".Arn"))
            .with_context(|| format!("{function} has a role"))?;
        assert!(roles.insert(role.to_owned()), "{function} shares {role}");
        let mut all = Vec::new();
        statements(template.at(&["Resources", role, "Properties", "Policies"])?, &mut all);
        let users: Vec<&str> = all
            .iter()
            .filter(|s| texts(&s["Action"]) == ["rds-db:connect"])
            .flat_map(|s| texts(&s["Resource"]))
            .collect();
        let of =
            users.iter().find_map(|text| text.rsplit_once("${Id}/")).map_or("", |(_, user)| user);
        assert_eq!(of, user, "{function}");
        if !user.is_empty() {
            let url = template.texts(&[
                "Resources",
                function,
                "Properties",
                "Environment",
                "Variables",
                "DATABASE_URL",
            ])?;
            assert!(url.contains(&format!("{user}@").as_str()), "{function}: {url:?}");
        }
    }
    Ok(())
}

/// A person gets the right by a policy. The function has no URL, and no service may invoke it.
#[test]
fn only_the_policy_of_people_invokes_admin() -> Result<()> {
    let template = Template::read()?;
    let mut all = Vec::new();
    let policy = ["Resources", "AdminInvokePolicy", "Properties", "PolicyDocument"];
    statements(template.at(&policy)?, &mut all);
    let [statement] = all[..] else { anyhow::bail!("one statement: {all:?}") };
    assert_eq!(texts(&statement["Action"]), ["lambda:InvokeFunction"]);
    assert_eq!(texts(&statement["Resource"]), ["AdminFunction.Arn"]);
    for name in template.resources("AWS::Lambda::Permission")? {
        let of = template.texts(&["Resources", name, "Properties", "FunctionName"])?;
        assert_ne!(of, ["AdminFunction"], "{name}");
    }
    let properties = template.at(&["Resources", "AdminFunction", "Properties"])?;
    for open in ["FunctionUrlConfig", "Events", "AutoPublishAlias"] {
        assert!(properties.get(open).is_none(), "{open}");
    }
    assert_eq!(properties["EventInvokeConfig"]["MaximumRetryAttempts"], 0);
    Ok(())
}
