//! The relations in an event: edges from its subject to the things that its content names, and
//! edges between events from their links.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{event::CdEvent, members::Members};
use crate::{Problems, index_entry, outcome::excerpt};

/// Maximum number of links of one event that are read.
const LINKS_MAX: usize = 1_000;

/// A thing that an event names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention<'a> {
    /// The kind of thing: `environment`, `artifact` …
    pub kind: &'static str,
    /// The id of the thing.
    pub id: Cow<'a, str>,
    /// A JSON object with the event's other data about the thing. `None` when the event has only
    /// the id.
    pub properties: Option<&'a str>,
}

/// A relation from one thing to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge<'a> {
    /// The id of the thing that the edge begins at.
    pub from_id: Cow<'a, str>,
    /// The kind of thing that the edge begins at.
    pub from_kind: Cow<'a, str>,
    /// The name of the relation: `deployedTo`, `follows` …
    pub relation: Cow<'a, str>,
    /// The id of the thing that the edge leads to.
    pub to_id: Cow<'a, str>,
    /// The kind of thing that the edge leads to.
    pub to_kind: &'static str,
}

/// The members of a content that name things, the kind of thing, and the relation of the subject to
/// it.
const REFERENCES: [(&str, &str, &str); 6] = [
    ("environment", "environment", "deployedTo"),
    ("pipelineRun", "pipelinerun", "partOf"),
    ("testSuiteRun", "testsuiterun", "partOf"),
    ("testCase", "testcase", "instanceOf"),
    ("testSuite", "testsuite", "instanceOf"),
    ("service", "service", "affects"),
];

/// The things that a content names, each with its relation.
pub(super) struct References<'a>(Vec<(Mention<'a>, &'static str)>);

impl<'a> References<'a> {
    pub(super) fn of(content: &Members<'a>, problems: &mut Problems) -> Self {
        let mut all = Vec::new();
        let mut add = |name: &str, mention: Mention<'a>, relation| {
            if mention.id.is_empty() {
                problems.add(format_args!("subject.content.{name} is empty"));
            } else {
                all.push((mention, relation));
            }
        };
        if let Some(id) = content.text("artifactId") {
            add("artifactId", Mention { kind: "artifact", id, properties: None }, "deployedWith");
        }
        for (name, kind, relation) in REFERENCES {
            let Some(raw) = content.get(name) else { continue };
            let Some((members, id)) = Members::of(raw).and_then(|m| m.text("id").map(|id| (m, id)))
            else {
                continue;
            };
            let properties = members.unknown_member(&["id"]).map(|_| raw.get());
            add(&[name, ".id"].concat(), Mention { kind, id, properties }, relation);
        }
        Self(all)
    }

    pub(super) fn id(&self, kind: &str) -> Option<Cow<'a, str>> {
        self.0
            .iter()
            .find(|(mention, _)| mention.kind == kind)
            .map(|(mention, _)| mention.id.clone())
    }
}

/// Adds the edges and mentions to the event.
pub(super) fn add_edges<'a>(
    event: &mut CdEvent<'a>,
    named: References<'a>,
    links: Option<&'a RawValue>,
    problems: &mut Problems,
) {
    if event.subject == "artifact" {
        let id = event.subject_id.clone();
        add_derived_from(event, id, problems);
    }
    for (mention, relation) in named.0 {
        let relation = match (event.subject.as_str(), relation) {
            ("build", "deployedWith") => "produced",
            ("testcaserun" | "testsuiterun", "deployedTo") => "runsIn",
            _ => relation,
        };
        if mention.kind == "artifact" {
            add_derived_from(event, mention.id.clone(), problems);
        }
        let edge = Edge {
            from_id: event.subject_id.clone(),
            from_kind: event.subject.clone().into(),
            relation: relation.into(),
            to_id: mention.id.clone(),
            to_kind: mention.kind,
        };
        add_edge(event, edge, problems);
        add_mention(event, mention, problems);
    }
    if let Some(links) = links {
        add_link_edges(event, links, problems);
    }
}

/// Adds an edge. An edge that is too long for the key of the table is left out with a finding; the
/// event is stored.
fn add_edge<'a>(event: &mut CdEvent<'a>, edge: Edge<'a>, problems: &mut Problems) {
    let key = [&*edge.from_id, &edge.from_kind, &edge.relation, &edge.to_id, edge.to_kind];
    if index_entry::fits(key) {
        event.edges.push(edge);
    } else {
        let (bytes, most) = (index_entry::bytes(key), index_entry::BYTES_MAX);
        let (relation, to_kind, to_id) =
            (excerpt(&edge.relation), edge.to_kind, excerpt(&edge.to_id));
        problems.add(format_args!(
            "the edge {relation} to the {to_kind} {to_id} is left out: it has {bytes} bytes, more \
                than {most}"
        ));
    }
}

/// Adds a mention. A mention that is too long for the key of the table is left out with a finding.
fn add_mention<'a>(event: &mut CdEvent<'a>, mention: Mention<'a>, problems: &mut Problems) {
    let key = [mention.kind, &mention.id];
    if index_entry::fits(key) {
        event.mentions.push(mention);
    } else {
        let (bytes, most) = (index_entry::bytes(key), index_entry::BYTES_MAX);
        problems.add(format_args!(
            "the {} {} is left out: it has {bytes} bytes, more than {most}",
            mention.kind,
            excerpt(&mention.id)
        ));
    }
}

/// Adds an edge from a package with a version to the package without the version.
fn add_derived_from<'a>(event: &mut CdEvent<'a>, artifact: Cow<'a, str>, problems: &mut Problems) {
    let Some(base) = purl_base(&artifact) else { return };
    let base: Cow<'a, str> = Cow::Owned(base.to_owned());
    let edge = Edge {
        from_id: artifact,
        from_kind: "artifact".into(),
        relation: "derivedFrom".into(),
        to_id: base.clone(),
        to_kind: "artifact",
    };
    add_edge(event, edge, problems);
    add_mention(event, Mention { kind: "artifact", id: base, properties: None }, problems);
}

/// Returns a package URL without version, qualifiers and subpath. `None` when the text is not a
/// package URL or has no version.
///
/// Source: package-url/purl-spec, `pkg:type/namespace/name@version?qualifiers#subpath`.
pub fn purl_base(text: &str) -> Option<&str> {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (base, version) = text[..end].rsplit_once('@')?;
    // An @ before the last slash begins a namespace, as in pkg:npm/@angular/core.
    (base.starts_with("pkg:")
        && !version.is_empty()
        && !version.contains('/')
        && base.len() > "pkg:x/".len())
    .then_some(base)
}

/// Adds edges between events, from `context.links`.
fn add_link_edges<'a>(event: &mut CdEvent<'a>, links: &'a RawValue, problems: &mut Problems) {
    let Ok(all) = serde_json::from_str::<Vec<&'a RawValue>>(links.get()) else {
        return problems.add("context.links is not a list");
    };
    if all.len() > LINKS_MAX {
        problems.add(format_args!(
            "context.links has {} elements: only the first {LINKS_MAX} are used",
            all.len()
        ));
    }
    for (n, raw) in all.into_iter().take(LINKS_MAX).enumerate() {
        let wrong = match Members::of(raw) {
            Some(link) => add_link(event, &link, problems).err(),
            None => Some("is not an object"),
        };
        if let Some(wrong) = wrong {
            problems.add(format_args!("context.links[{n}] {wrong}"));
        }
    }
}

fn add_link<'a>(
    event: &mut CdEvent<'a>,
    link: &Members<'a>,
    problems: &mut Problems,
) -> Result<(), &'static str> {
    let end = |name: &str| {
        link.object(name).and_then(|end| end.text("contextId")).filter(|id| !id.is_empty())
    };
    let (relation, target, known): (Cow<'a, str>, _, &[&str]) = match link
        .text("linkType")
        .as_deref()
    {
        Some("PATH") => (
            "follows".into(),
            end("from").ok_or("has no from.contextId")?,
            &["linkType", "from", "tags"],
        ),
        Some("RELATION") => {
            let kind =
                link.text("linkKind").filter(|kind| !kind.is_empty()).ok_or("has no linkKind")?;
            (
                kind.to_lowercase().into(),
                end("target").ok_or("has no target.contextId")?,
                &["linkType", "linkKind", "target", "tags"],
            )
        }
        Some("END") => {
            let whole = link.get("from").is_none() || end("from").is_some();
            let strange = link.unknown_member(&["linkType", "from", "tags"]).is_some();
            return if !whole || strange { Err("is not a valid END link") } else { Ok(()) };
        }
        _ => return Err("has an unknown linkType: it must be PATH, END or RELATION"),
    };
    let strange = link.unknown_member(known).is_some();
    let edge = Edge {
        from_id: event.id.clone(),
        from_kind: "event".into(),
        relation,
        to_id: target.clone(),
        to_kind: "event",
    };
    add_edge(event, edge, problems);
    add_mention(event, Mention { kind: "event", id: event.id.clone(), properties: None }, problems);
    add_mention(event, Mention { kind: "event", id: target, properties: None }, problems);
    if strange { Err("has an unknown member") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_a_package() {
        for (purl, base) in [
            ("pkg:oci/myapp@sha256%3A0b31", Some("pkg:oci/myapp")),
            ("pkg:golang/mygit.com/myorg/myapp@234fd47e", Some("pkg:golang/mygit.com/myorg/myapp")),
            ("pkg:npm/@angular/core@12.0.0?x=y@z#a@b", Some("pkg:npm/@angular/core")),
            ("pkg:npm/@angular/core", None),
            ("pkg:oci/myapp", None),
            ("pkg:oci/myapp@", None),
            ("myapp@1", None),
            ("é@1", None),
            ("", None),
        ] {
            assert_eq!(purl_base(purl), base, "{purl}");
        }
    }
}
