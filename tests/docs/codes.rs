//! `docs/codes.md`: the codes of problems, failures, health reasons and exits.

use std::fs;

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;
use strum::{EnumMessage, VariantArray};
use weir::ExitStatus;
use weir_http::ProblemCode;
use weir_model::ErrorClass;
use weir_store::HealthKind;

use crate::markdown::{cell, code, table};

/// Returns the cause and the remedy of a code, which are texts of its variant.
fn texts<C: EnumMessage + std::fmt::Debug>(one: &C) -> Result<[String; 2]> {
    let cause = one.get_documentation().with_context(|| format!("{one:?} has no cause"))?;
    let remedy = one.get_message().with_context(|| format!("{one:?} has no remedy"))?;
    for text in [cause, remedy] {
        ensure!(text.trim_end().ends_with('.'), "{one:?}: {text:?} is not a sentence");
    }
    Ok([cell(cause), cell(remedy)])
}

fn rows<C: EnumMessage + VariantArray + std::fmt::Debug>(
    name: fn(&C) -> String,
) -> Result<Vec<[String; 3]>> {
    let row = |one: &C| {
        let [cause, remedy] = texts(one)?;
        Ok([name(one), cause, remedy])
    };
    C::VARIANTS.iter().map(row).collect()
}

fn problems() -> Result<Vec<[String; 4]>> {
    let row = |one: &ProblemCode| {
        let [cause, remedy] = texts(one)?;
        Ok([code(one.name()), one.status().as_u16().to_string(), cause, remedy])
    };
    ProblemCode::VARIANTS.iter().map(row).collect()
}

/// Returns the name of a class. A class that ends with a SQLSTATE or a name is open at its end.
fn class(one: ErrorClass) -> String {
    let name = one.name();
    code(&if name.ends_with('_') { format!("{name}…") } else { name.to_owned() })
}

pub(crate) fn page() -> Result<String> {
    Ok(format!(
        "# Codes

This page lists the codes that Weir reports, each with its cause and its remedy: problem codes of
the HTTP API, exit statuses of `weir`, classes of failures, and kinds of health reasons.

## Problem codes

An error of the HTTP API is `application/problem+json`, and its member `code` is one of these. See
[api.md](api.md#errors). The routes of plugins use `BAD_REQUEST`, `NOT_FOUND` and `INTERNAL` where
the plugin sends no problem.

{}
## Exit statuses

{}
## Error classes of failures

A record that cannot be stored as an event is a failure with one of these classes. `weir failures
list`, `GET /v1/failures` and the view `api.failures` show the class. See
[operations.md](operations.md#failures). A model of your own can have other classes.

{}
## Kinds of health reasons

`GET /healthz` gives these kinds. The status is 503 for `broker`, `database`, `health` and
`settings`, and 200 with `degraded` for the others. See [operations.md](operations.md#health-reasons).

{}",
        table(["code", "status", "cause", "remedy"], &problems()?),
        table(["status", "cause", "remedy"], &rows(|one: &ExitStatus| (*one as u8).to_string())?),
        table(["class", "cause", "remedy"], &rows(|one| class(*one))?),
        table(["kind", "cause", "remedy"], &rows(|one: &HealthKind| code(one.name()))?),
    ))
}

/// A model of another workspace names its class by a text. Weir's own models use the enum, so that
/// the page has every class.
#[test]
fn no_class_of_a_failure_is_a_bare_text() -> Result<()> {
    let bare = Regex::new(r#"Rejection::(?:new|json)\(\s*"[^"]*""#)?;
    for folder in ["shared/model/src", "shared/store/src", "shared/plugin/src"] {
        let mut folders = vec![crate::root().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let found = fs::read_to_string(&path)?;
                    let found = bare.find(&found).map(|found| found.as_str());
                    ensure!(found.is_none(), "{}: {found:?}", path.display());
                }
            }
        }
    }
    Ok(())
}
