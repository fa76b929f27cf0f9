//! Facts about a request that only a gateway in front of Weir knows, in the request's extensions. A
//! server that listens itself does not need them.

use std::net::IpAddr;

/// The path that clients write before the API's own paths, such as `/prod`. Links must contain it
/// too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(pub String);

/// The IP address of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceIp(pub IpAddr);
