//! Readings with the paths of cloud-lada: `/api/…`.

pub(crate) mod latest;
pub(crate) mod location;
pub(crate) mod sensor_day;
pub(crate) mod status;
