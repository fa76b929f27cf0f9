//! Tests of the collected log.

use weir_testkit::logged;

fn line() {
    tracing::error!("said");
}

#[tokio::test]
async fn a_line_that_another_thread_logs_first_is_collected() {
    let log = logged(async {
        std::thread::spawn(line).join().expect("a line");
        line();
    });
    assert_eq!(log.await.len(), 1);
}
