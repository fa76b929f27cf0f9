//! Determines the client address of a request.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};
use ipnet::IpNet;

use crate::SourceIp;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose header `X-Forwarded-For` is trusted. Every client can write this header, so
/// Weir ignores it unless a trusted proxy sent the request.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TrustedProxies {
    /// Addresses or networks of trusted proxies, for example 10.0.0.0/8
    ///
    /// The client's address is the last one in `X-Forwarded-For` that is not a trusted proxy.
    /// Without trusted proxies Weir ignores this header.
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "ADDRESS,…", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "not an IP address or a network: give for example 10.0.0.0/8".to_owned())
}

impl TrustedProxies {
    /// Returns the client's address: the gateway's source IP if known, otherwise the connection's
    /// address.
    ///
    /// If the connection comes from a trusted proxy, its header names the client.
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        if let Some(SourceIp(ip)) = extensions.get() {
            return Some(ip.to_canonical());
        }
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        let mut client = peer.ip().to_canonical();
        // Each proxy appends the address of the client that connected to it.
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let mut named = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while self.trusted_proxies.iter().any(|net| net.contains(&client)) {
            let Some(Ok(before)) = named.next().map(|name| name.trim().parse::<IpAddr>()) else {
                break;
            };
            client = before.to_canonical();
        }
        Some(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, headers: &[&str]) -> String {
        let proxies = TrustedProxies {
            trusted_proxies: proxies.iter().map(|text| network(text).unwrap()).collect(),
        };
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let headers = headers
            .iter()
            .map(|line| (FORWARDED_FOR.parse().unwrap(), line.parse().unwrap()))
            .collect();
        proxies.client(&extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn a_header_counts_where_a_proxy_wrote_it() {
        assert_eq!(client(&[], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        let proxies = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&proxies, "192.0.2.1", &["203.0.113.9"]), "192.0.2.1", "no proxy");
        assert_eq!(client(&proxies, "10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            client(&proxies, "::ffff:10.1.2.3", &["198.51.100.1, 203.0.113.9", "10.9.9.9"]),
            "203.0.113.9",
            "what is before it is hearsay"
        );
        assert_eq!(client(&proxies, "::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client(&proxies, "10.1.2.3", &["nonsense"]), "10.1.2.3");
        assert_eq!(client(&proxies, "10.1.2.3", &[]), "10.1.2.3");
        assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
    }
}
