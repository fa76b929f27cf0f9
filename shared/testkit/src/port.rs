//! Ports for servers that need a given port, or the same port again.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};

/// The first port of the range. It is below the ports that the system assigns (from 32768 on Linux,
/// from 49152 on other systems). So no other test gets a port of this range while no server listens
/// on it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Returns librdkafka's properties for a client that does not reconnect to a stopped broker.
/// Another test's broker may use the port by then.
pub fn connects_once() -> BTreeMap<String, String> {
    ["reconnect.backoff.ms", "reconnect.backoff.max.ms"]
        .map(|name| (name.into(), "600000".into()))
        .into()
}

/// Returns a port of 127.0.0.1 that is free and that the system does not assign to others.
///
/// # Errors
/// When all ports of the range are in use.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Programs that run concurrently begin at different ports.
    let begin = std::process::id() % u32::from(COUNT / 16) * 16;
    let mut ports = (0..COUNT).map(|_| {
        let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST + u16::try_from((begin + turn) % u32::from(COUNT)).unwrap_or_default()
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).with_context(|| format!("all ports from {FIRST} on are taken"))
}
