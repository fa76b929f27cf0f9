//! The costs of a month, for `docs/deploy-aws.md`.

use weir_ingest::emf_line;
use weir_model::default_topics;
use weir_store::Report;

use crate::markdown::table;

/// The day of the calculation. No price list could be reached from where it was made: the price of
/// an event poller unit is from AWS's documentation, that of an Express broker from another
/// project's code, and the others are those of this page's first version.
const PRICES_OF: &str = "2026-12-01";

// List prices in dollars, us-east-1.
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
const LAMBDA_CALL: f64 = 0.20 / 1e6;
const AURORA_UNIT_HOUR: f64 = 0.12;
const AURORA_GB: f64 = 0.10;
const AURORA_IO: f64 = 0.20 / 1e6;
const S3_GB: f64 = 0.023;
const SERVERLESS_HOUR: f64 = 0.75;
const SERVERLESS_PARTITION_HOUR: f64 = 0.001_5;
const SERVERLESS_GB: f64 = 0.10 + 0.05;
const EXPRESS_BROKER_HOUR: f64 = 0.408;
const EXPRESS_GB_IN: f64 = 0.01;
const KAFKA_GB_STORED: f64 = 0.10;
const ENDPOINT_HOUR: f64 = 0.01;
const METRIC: f64 = 0.30;
const ALARM: f64 = 0.10;
const DASHBOARD: f64 = 3.0;
const LOG_GB: f64 = 0.50;
const SECRET: f64 = 0.40;

const HOURS: f64 = 730.0;
/// A batch window of one second is a batch a second at most.
const BATCHES_MAX: f64 = HOURS * 3600.0;
/// The template's memory of ingest.
const MEMORY_GB: f64 = 0.5;
/// Measured: an answer to one record, and a first delivery of 10,000 records
/// (`docs/performance.md`, `docs/decisions/0010-two-indexes-for-the-lists-of-the-log.md`).
const BATCH_SECONDS: f64 = 0.012;
const RECORD_SECONDS: f64 = (0.200_8 - BATCH_SECONDS) / 10_000.0;
/// The event of the measurements, and its rows and indexes.
const EVENT_BYTES: f64 = 575.0;
const STORED_BYTES: f64 = 1_000.0;
const DUMPED_BYTES: f64 = 150.0;
/// Reads and writes of 4 KB by Aurora's storage for each event.
const IO_PER_EVENT: f64 = 0.39;
/// Kafka's default: seven days.
const KAFKA_DAYS: f64 = 7.0;
/// The template's `TopicPartitions`.
const PARTITIONS: f64 = 4.0;
const GB: f64 = 1e9;

/// A number of events a month, and the capacity of the database that is assumed for it.
struct Load {
    name: &'static str,
    events: f64,
    database_units: f64,
}

const LOADS: [Load; 4] = [
    Load { name: "idle", events: 0.0, database_units: 0.0 },
    Load { name: "1 M events", events: 1e6, database_units: 0.5 },
    Load { name: "100 M events", events: 1e8, database_units: 2.0 },
    Load { name: "10 bn events", events: 1e10, database_units: 16.0 },
];

impl Load {
    fn batches(&self) -> f64 {
        self.events.min(BATCHES_MAX)
    }

    fn gb_seconds(&self) -> f64 {
        (self.batches() * BATCH_SECONDS + self.events * RECORD_SECONDS) * MEMORY_GB
    }

    fn ingest(&self) -> f64 {
        self.gb_seconds() * LAMBDA_GB_SECOND + self.batches() * LAMBDA_CALL
    }

    fn database(&self) -> f64 {
        self.database_units * HOURS * AURORA_UNIT_HOUR
            + self.events * STORED_BYTES / GB * AURORA_GB
            + self.events * IO_PER_EVENT * AURORA_IO
            + SECRET
    }

    fn dumps(&self) -> f64 {
        self.events * DUMPED_BYTES / GB * S3_GB
    }

    fn written_gb(&self) -> f64 {
        self.events * EVENT_BYTES / GB
    }

    fn serverless(&self) -> f64 {
        let partitions = PARTITIONS * topics();
        HOURS * (SERVERLESS_HOUR + partitions * SERVERLESS_PARTITION_HOUR)
            + self.written_gb() * (SERVERLESS_GB + KAFKA_DAYS / 30.0 * KAFKA_GB_STORED)
    }

    fn express(&self) -> f64 {
        3.0 * HOURS * EXPRESS_BROKER_HOUR
            + self.written_gb() * (EXPRESS_GB_IN + KAFKA_DAYS / 30.0 * KAFKA_GB_STORED)
    }

    /// Metrics, alarms, the dashboard, and the lines of ingest's log.
    fn monitoring(&self) -> f64 {
        let line = emf_line(&Report { reached_ms: Some(1), ..Report::default() }, 1, 1.0);
        // The line's own metrics for each topic, and the two of the metric filters.
        let metrics = number(line.matches("\"Unit\"").count()) * topics() + 2.0;
        let alarms = include_str!("../../template.yaml").matches("AWS::CloudWatch::Alarm").count();
        // All alarms but one are made once; one is made for each topic.
        let alarms = number(alarms) - 1.0 + topics();
        // The line of metrics, and the line "batch stored", which is shorter.
        let log = self.batches() * 2.0 * number(line.len()) / GB * LOG_GB;
        metrics * METRIC + alarms * ALARM + DASHBOARD + log
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn topics() -> f64 {
    number(default_topics().0.len())
}

/// Returns dollars, rounded to what is worth reading.
fn dollars(amount: f64) -> String {
    let whole = format!("{amount:.0}");
    let from = whole.len() % 3;
    let mut grouped = whole[..from].to_owned();
    for part in whole.as_bytes()[from..].chunks(3) {
        if !grouped.is_empty() {
            grouped.push(',');
        }
        grouped.extend(part.iter().map(|digit| char::from(*digit)));
    }
    if amount < 10.0 { format!("${amount:.2}") } else { format!("${grouped}") }
}

/// Returns a row of costs for each load.
fn row(name: &str, cost: impl Fn(&Load) -> f64) -> [String; 5] {
    let [a, b, c, d] = LOADS.each_ref().map(|load| dollars(cost(load)));
    [name.to_owned(), a, b, c, d]
}

/// Returns the tables of the costs.
pub(crate) fn tables() -> String {
    let head = ["", LOADS[0].name, LOADS[1].name, LOADS[2].name, LOADS[3].name];
    let endpoints = |count: f64| count * 2.0 * HOURS * ENDPOINT_HOUR;
    let own = |load: &Load| load.ingest() + load.dumps() + load.monitoring();
    let ways = [
        row("everything created, MSK Serverless", |l| {
            own(l) + l.database() + l.serverless() + endpoints(4.0)
        }),
        row("everything created, MSK Express", |l| {
            own(l) + l.database() + l.express() + endpoints(4.0)
        }),
        row("your Kafka and VPC, database created", |l| own(l) + l.database()),
        row("your Kafka, VPC and database", own),
    ];
    let parts = [
        row("ingest in Lambda", Load::ingest),
        row("Aurora: capacity, storage for a month, I/O", Load::database),
        row("dumps of a month in S3", Load::dumps),
        row("MSK Serverless", Load::serverless),
        row("MSK Express, three brokers `express.m7g.large`", Load::express),
        row("four endpoints in two zones", |_| endpoints(4.0)),
        row("metrics, alarms, dashboard, log", Load::monitoring),
    ];
    let load = |name: &str, of: &dyn Fn(&Load) -> String| {
        let [a, b, c, d] = LOADS.each_ref().map(of);
        [name.to_owned(), a, b, c, d]
    };
    let loads = [
        load("batches of ingest", &|l| format!("{:.2} M", l.batches() / 1e6)),
        load("records in a batch", &|l| format!("{:.0}", l.events / l.batches().max(1.0))),
        load("GB-seconds of ingest", &|l| format!("{:.0}", l.gb_seconds())),
        load("Aurora capacity units (assumed)", &|l| l.database_units.to_string()),
    ];
    format!(
        "Costs of a month in us-east-1, calculated on {PRICES_OF}. Compare the prices with AWS's pages first; they are at the top of `tests/docs/costs.rs`:\n\n{}\nThe parts:\n\n{}\nThe load behind them:\n\n{}",
        table(head, &ways),
        table(head, &parts),
        table(head, &loads)
    )
}
