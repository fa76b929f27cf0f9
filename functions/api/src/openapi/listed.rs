//! Schemas of bodies that are written from a table of columns. The table is the only source for a
//! member's name, type, null and description.

use utoipa::openapi::{
    KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat,
    schema::{AdditionalProperties, SchemaType, Type},
};
use weir_model::listing::{ColumnKind, ListColumn};

use super::texts::WITHOUT_NUL;

/// Declares `$type` as the body with the name `$name`: an object with these columns, or with these
/// members, which are pairs of a name and a column.
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

/// Returns the schema of a declared body.
pub(crate) fn body(
    about: &str,
    members: impl Iterator<Item = (&'static str, &'static ListColumn)>,
) -> RefOr<Schema> {
    element(members).description(Some(about)).into()
}

/// Returns an object schema with these members.
pub(super) fn element(
    members: impl Iterator<Item = (&'static str, &'static ListColumn)>,
) -> ObjectBuilder {
    let object =
        ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.fold(object, |object, (name, column)| {
        let kind = kind(column.kind);
        let schema = if column.nullable { nullable(kind) } else { kind.into() };
        let object = object.property(name, schema.description(Some(column.about)));
        if column.optional { object } else { object.required(name) }
    })
}

fn nullable(kind: Object) -> ObjectBuilder {
    let kinds = match &kind.schema_type {
        SchemaType::Type(one) => SchemaType::from_iter([one.clone(), Type::Null]),
        other => other.clone(),
    };
    ObjectBuilder::from(kind).schema_type(kinds)
}

/// Returns the schema of a filter's value.
pub(super) fn filter(of: ColumnKind) -> Object {
    let pattern = (of == ColumnKind::Text).then_some(WITHOUT_NUL);
    ObjectBuilder::from(kind(of)).pattern(pattern).build()
}

/// Returns the JSON schema of a value. A text may contain a NUL, because bytes are shown as text if
/// they are UTF-8.
fn kind(kind: ColumnKind) -> Object {
    let of = |kind: Type, format: Option<KnownFormat>| {
        ObjectBuilder::new().schema_type(kind).format(format.map(SchemaFormat::KnownFormat))
    };
    match kind {
        ColumnKind::Uuid => of(Type::String, Some(KnownFormat::Uuid)),
        ColumnKind::Text => of(Type::String, None),
        ColumnKind::Int4 => of(Type::Integer, Some(KnownFormat::Int32)),
        ColumnKind::Int8 => of(Type::Integer, Some(KnownFormat::Int64)),
        ColumnKind::Float8 => of(Type::Number, Some(KnownFormat::Double)),
        ColumnKind::Bool => of(Type::Boolean, None),
        ColumnKind::Instant => of(Type::String, Some(KnownFormat::DateTime)),
        ColumnKind::Json => ObjectBuilder::new().schema_type(SchemaType::AnyValue),
    }
    .build()
}
