//! Converts Avro values to plain JSON: times as RFC 3339, bytes as base64, unions as the value that
//! they contain.

use apache_avro::types::Value as Avro;
use serde_json::{Map, Number, Value as Json};
use weir_model::{DecodeError, Micros};

/// The deepest nesting that is converted; an Avro schema may recurse without limit.
const DEPTH_MAX: usize = 128;

pub(super) fn to_json(value: Avro) -> Result<String, DecodeError> {
    Ok(json(value, 0)?.to_string())
}

fn json(value: Avro, depth: usize) -> Result<Json, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError(format!("the value has more than {DEPTH_MAX} levels")));
    }
    let list = |items: Vec<Avro>| {
        items
            .into_iter()
            .map(|i| json(i, depth + 1))
            .collect::<Result<Vec<_>, _>>()
            .map(Json::Array)
    };
    Ok(match value {
        Avro::Null => Json::Null,
        Avro::Boolean(b) => b.into(),
        Avro::Int(i) => i.into(),
        Avro::Long(i)
        | Avro::TimeMicros(i)
        | Avro::TimestampNanos(i)
        | Avro::LocalTimestampMillis(i)
        | Avro::LocalTimestampMicros(i)
        | Avro::LocalTimestampNanos(i) => i.into(),
        Avro::Float(f) => number(f.into())?,
        Avro::Double(f) => number(f)?,
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => {
            base64_simd::STANDARD.encode_to_string(bytes).into()
        }
        Avro::String(text) | Avro::Enum(_, text) => text.into(),
        Avro::Union(_, inner) => json(*inner, depth + 1)?,
        Avro::Array(items) => list(items)?,
        Avro::Map(members) => object(members.into_iter(), depth)?,
        Avro::Record(members) => object(members.into_iter(), depth)?,
        Avro::Uuid(id) => id.to_string().into(),
        Avro::TimestampMillis(ms) => {
            Micros::from_millis(ms).map_or_else(|| ms.into(), |t| t.rfc3339_millis().into())
        }
        Avro::TimestampMicros(us) => Micros::from_millis(us.div_euclid(1000))
            .map_or_else(|| us.into(), |t| t.rfc3339_millis().into()),
        Avro::Date(days) => Micros::from_millis(i64::from(days) * 86_400_000)
            .map_or_else(|| days.into(), |t| t.rfc3339_millis()[..10].into()),
        Avro::TimeMillis(ms) => ms.into(),
        other => {
            return Err(DecodeError(format!(
                "values of this type cannot be converted to JSON: {}",
                kind(&other)
            )));
        }
    })
}

fn object(
    members: impl Iterator<Item = (String, Avro)>,
    depth: usize,
) -> Result<Json, DecodeError> {
    let members = members.map(|(name, value)| Ok((name, json(value, depth + 1)?)));
    Ok(Json::Object(members.collect::<Result<Map<_, _>, DecodeError>>()?))
}

fn number(f: f64) -> Result<Json, DecodeError> {
    Number::from_f64(f)
        .map(Json::Number)
        .ok_or_else(|| DecodeError(format!("{f} is not a JSON number")))
}

/// Returns the name of the variant, without its content.
fn kind(value: &Avro) -> String {
    let shown = format!("{value:?}");
    shown.split(['(', ' ']).next().unwrap_or_default().to_owned()
}
