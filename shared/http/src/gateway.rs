//! What a gateway before us knows of a request: in the request's extensions. Nobody needs it who
//! listens himself.

use std::net::IpAddr;

/// What clients write before the API's own paths, as `/prod`: links must say it, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(pub String);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceIp(pub IpAddr);
