//! Readings as clients of cloud-lada ask for them: `/api/…`.

pub(crate) mod latest;
pub(crate) mod location;
pub(crate) mod sensor_day;
pub(crate) mod status;
