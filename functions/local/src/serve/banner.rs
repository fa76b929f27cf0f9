//! Prints the addresses of the running parts, and two commands to try.

use std::net::SocketAddr;

use weir_http::Access;
use weir_model::Topics;

use super::{kafka::Kafka, shown};
use crate::{Settings, database::Database, output::say};

pub(super) struct Banner<'r> {
    pub settings: &'r Settings,
    pub address: SocketAddr,
    pub access: &'r Access,
    pub kafka: &'r Kafka,
    pub database: &'r Database,
    pub topics: &'r Topics,
}

/// Prints the banner on stdout, when every part answers.
pub(super) fn print(running: &Banner<'_>) {
    let Banner { settings, address, access, kafka, database, topics } = running;
    let http = format!("http://{address}");
    let postgres = match database.port() {
        Some(port) => format!("embedded, 127.0.0.1:{port}, data in {}", shown(&settings.data_dir)),
        None => "external".to_owned(),
    };
    let memory = if kafka.is_embedded() {
        "embedded, in memory, 5 MB per partition, records are lost at the stop; "
    } else {
        ""
    };
    let bound: Vec<String> =
        topics.iter().map(|(topic, model)| format!("{topic} ({model})")).collect();
    say!("weir {}", env!("CARGO_PKG_VERSION"));
    say!("  HTTP        {http}");
    say!("  access      {access}");
    say!("  Kafka       {memory}{}", kafka.address());
    say!("  PostgreSQL  {postgres}");
    say!("  topics      {}", bound.join(", "));
    say!("try");
    let curl = if matches!(access, Access::Keys(_)) { "curl -u KEY:" } else { "curl" };
    say!("  {curl} {http}/v1/events?limit=3");
    match (database.port(), kafka.is_embedded()) {
        (Some(_), _) => say!(
            "  psql \"$(cat {})\" -c 'SELECT * FROM builds'",
            shown(&settings.data_dir.join("database-url"))
        ),
        (None, _) => say!("  {curl} {http}/build"),
    }
    say!("");
}
