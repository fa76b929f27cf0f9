"""Expands the topics of template.yaml, as SAM CLI does before it builds and deploys.

Writes a template for each of several lists of topics into a folder, for the linters, and checks that
each topic has one mapping with a consumer group of its own.
"""

import re
import sys
from pathlib import Path

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samcli.yamlhelper import yaml_parse

DEFAULT = "    Default: build_events,readings,cdevents\n"
LISTS = [[], ["orders"], ["build_events", "a.b-c_d"] + [f"topic-{i}" for i in range(23)]]

folder = Path(sys.argv[1])
text = Path("template.yaml").read_text(encoding="utf-8")
assert text.count(DEFAULT) == 1, "the default of Topics has moved"
# cfn-lint knows which versions are deprecated, but only looks at literals.
[version] = re.findall(r'DatabaseEngineVersion: { Type: String, Default: ("[0-9.]+")', text)
literal = text.replace("!Ref DatabaseEngineVersion", version)
for topics in LISTS:
    listed = literal.replace(DEFAULT, f'    Default: "{",".join(topics)}"\n')
    (folder / f"{len(topics)}.yaml").write_text(listed, encoding="utf-8")
    parameters = {"Topics": ",".join(topics)}
    resources = expand_language_extensions(
        yaml_parse(text), parameters, enabled=True
    ).expanded_template["Resources"]
    mappings = {
        name: resource
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    }
    read, groups = [], set()
    for name, resource in mappings.items():
        assert resource["Condition"] == "HasTopics", name
        properties = resource["Properties"]
        [topic] = properties["Topics"]
        # SAM CLI resolves the conditions that it can, so one of the two kinds is left.
        [config] = [
            properties[kind]
            for kind in ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")
            if kind in properties
        ]
        read.append(topic)
        assert config == {"ConsumerGroupId": "${AWS::StackName}." + topic}, config
        groups.add(config["ConsumerGroupId"])
    # An empty list is one empty name; the condition removes its mapping.
    assert read == (topics or [""]), f"{read} for {topics}"
    assert len(groups) == len(mappings), groups
print(f"Topics: {', '.join(str(len(topics)) for topics in LISTS)} expand to one mapping and group each")
