//! Schemas of bodies that are written from a table of columns: name, kind, null and text of a member exist once, in that table.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use weir_model::listing::{ColumnKind, ListColumn};

use super::texts::WITHOUT_NUL;

/// Declares `$type` as the body called `$name`: an object with these columns, or with these members, which are a name and a
/// column each.
macro_rules! listed_body {
    ($type:ident, $name:literal, $about:literal, members $members:expr) => {
        #[doc = $about]
        pub(crate) enum $type {}

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::openapi::body($about, $members)
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
    ($type:ident, $name:literal, $about:literal, $columns:expr) => {
        listed_body!($type, $name, $about, members $columns.map(|column| (column.name, column)));
    };
}
pub(crate) use listed_body;

/// The schema of such a body.
pub(crate) fn body(about: &str, members: impl Iterator<Item = (&'static str, &'static ListColumn)>) -> RefOr<Schema> {
    let mut element = element(members);
    element["description"] = about.into();
    serde_json::from_value(element).unwrap_or_else(|_| Schema::default().into())
}

/// An object with these members.
pub(super) fn element(members: impl Iterator<Item = (&'static str, &'static ListColumn)>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, column) in members {
        properties.insert(name.to_owned(), property(column));
        if !column.optional {
            required.push(name);
        }
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn property(column: &ListColumn) -> Value {
    let mut schema = schema(column.kind);
    if column.nullable
        && let Some(kind) = schema.get("type").cloned()
    {
        schema["type"] = json!([kind, "null"]);
    }
    schema["description"] = column.about.into();
    schema
}

pub(super) fn schema(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Uuid => json!({"type": "string", "format": "uuid"}),
        ColumnKind::Text => json!({"type": "string", "pattern": WITHOUT_NUL}),
        ColumnKind::Int4 => json!({"type": "integer", "format": "int32"}),
        ColumnKind::Int8 => json!({"type": "integer", "format": "int64"}),
        ColumnKind::Float8 => json!({"type": "number", "format": "double"}),
        ColumnKind::Bool => json!({"type": "boolean"}),
        ColumnKind::Instant => json!({"type": "string", "format": "date-time"}),
        ColumnKind::Json => json!({}),
    }
}
