//! Readings as clients of cloud-lada ask for them: `/api/…`.

mod latest;
mod location;
mod sensor_day;
mod status;

pub(crate) use latest::latest;
pub(crate) use location::location;
pub(crate) use sensor_day::sensor_day;
pub(crate) use status::status;
