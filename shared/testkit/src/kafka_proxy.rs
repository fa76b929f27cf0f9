//! Proxies in front of a Kafka broker.

use std::{
    io::{Read, Write, copy},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use anyhow::Result;

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;

/// Starts a proxy that answers `ApiVersions` version 0 as a broker whose `Metadata` ends at version
/// `metadata_max`, and forwards everything else to `target`. Returns its address.
///
/// Topic ids are in version 12 and later. librdkafka asks for a later version of `ApiVersions`, so
/// it sees the broker as it is.
///
/// # Errors
/// When the proxy cannot listen.
pub fn old_broker(target: String, metadata_max: i16) -> Result<String> {
    listen(move |client| answer(client, &target, metadata_max))
}

/// Starts a proxy that forwards to `target` and counts the connections. Returns its address and the
/// count.
///
/// # Errors
/// When the proxy cannot listen.
pub fn counted_broker(target: String) -> Result<(String, Arc<AtomicUsize>)> {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = listen(move |client| {
        counted.fetch_add(1, SeqCst);
        forward(client, TcpStream::connect(&target).ok()?)
    })?;
    Ok((address, connections))
}

/// Serves each connection in a thread, until the program ends.
fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(client));
        }
    });
    Ok(address)
}

fn answer(mut client: TcpStream, target: &str, metadata_max: i16) -> Option<()> {
    let mut head = [0; 12];
    client.read_exact(&mut head).ok()?;
    while head[4..8] == [0, 18, 0, 0] {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let left = usize::try_from(length).ok()?.checked_sub(8)?;
        client.read_exact(&mut vec![0; left]).ok()?;
        let known = [API_VERSIONS, 0, 3, METADATA, 0, metadata_max].map(i16::to_be_bytes).concat();
        let body = [&head[8..], &[0; 2], &2_i32.to_be_bytes(), &known].concat();
        let length = u32::try_from(body.len()).ok()?.to_be_bytes();
        client.write_all(&[&length[..], &body].concat()).ok()?;
        client.read_exact(&mut head).ok()?;
    }
    let mut broker = TcpStream::connect(target).ok()?;
    broker.write_all(&head).ok()?;
    forward(client, broker)
}

fn forward(mut client: TcpStream, mut broker: TcpStream) -> Option<()> {
    let (mut from, mut to) = (client.try_clone().ok()?, broker.try_clone().ok()?);
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    copy(&mut broker, &mut client).ok().map(drop)
}
