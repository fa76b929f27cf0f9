//! The allowed text of query parameters.

use utoipa::openapi::{
    OpenApi, RefOr, Schema,
    path::{Operation, ParameterIn, PathItem},
    schema::{SchemaType, Type},
};

/// A value of PostgreSQL's type text cannot contain a NUL character. So `Params`, which reads the
/// query string of every request, rejects a NUL.
pub(super) const WITHOUT_NUL: &str = r"^[^\u0000]*$";

/// Adds [`WITHOUT_NUL`] to each text parameter in the query string of these routes. Parameters
/// whose annotation already has a pattern, a format or a list of values are not changed.
pub(crate) fn describe(own: &mut OpenApi) {
    for operation in own.paths.paths.values_mut().flat_map(operations) {
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter
                && parameter.parameter_in == ParameterIn::Query
                && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
                && is_text(&schema.schema_type)
                && schema.format.is_none()
                && schema.enum_values.is_none()
            {
                schema.pattern.get_or_insert_with(|| WITHOUT_NUL.to_owned());
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, query, .. } = item;
    [get, put, post, delete, options, head, patch, trace, query].into_iter().flatten()
}

fn is_text(kind: &SchemaType) -> bool {
    match kind {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    }
}
