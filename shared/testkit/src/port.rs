//! Ports for servers that are told theirs, or have to get the same one again.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};

/// Below what the system gives to those who ask for any port (Linux from 32768, the others from
/// 49152), so that no other test comes to have it while nobody listens there.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// librdkafka's properties for a client that does not seek a broker that went away: its port may be
/// another test's broker's by then.
pub fn connects_once() -> BTreeMap<String, String> {
    ["reconnect.backoff.ms", "reconnect.backoff.max.ms"]
        .map(|name| (name.into(), "600000".into()))
        .into()
}

/// A port of 127.0.0.1 that nobody listens at, and that nobody gets by chance.
///
/// # Errors
/// When all are taken.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Programs that run side by side begin at places of their own.
    let begin = std::process::id() % u32::from(COUNT / 16) * 16;
    let mut ports = (0..COUNT).map(|_| {
        let turn = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST + u16::try_from((begin + turn) % u32::from(COUNT)).unwrap_or_default()
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).with_context(|| format!("all ports from {FIRST} on are taken"))
}
