//! The checks of the topics every two seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use weir::poller::PollerConfig;

use crate::stage::{RecordingHandler, Stage, start, until};

/// The time of two checks.
const TWO_CHECKS: Duration = Duration::from_secs(5);

/// Forwards to `target`, and counts the connections.
async fn counted(target: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address").to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            let mut broker = TcpStream::connect(&target).await.expect("connect");
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut broker).await });
        }
    });
    (address, connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_of_the_topics_use_one_connection() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 3).await;
    let (bootstrap, connections) = counted(stage.broker.bootstrap().to_owned()).await;
    let handler = RecordingHandler::content();
    let poller = start(&PollerConfig { bootstrap, ..stage.config() }, &handler);
    until(&poller, |s| s.records == 3).await;
    sleep(TWO_CHECKS).await;
    let before = connections.load(SeqCst);
    sleep(TWO_CHECKS).await;
    assert_eq!(connections.load(SeqCst), before);
    poller.stop().await;
}
