//! The parts of a day. Each part becomes one file in each format.

use tokio_postgres::{Client, types::Type};
use weir_blob::UtcDay;
use weir_store::log;

use crate::{
    DumpError, LOG,
    query::Param,
    table::{DumpTable, ValueFilter, bounds},
};

/// The rows of one file.
pub(crate) struct Part<'t> {
    pub(crate) table: &'t DumpTable,
    pub(crate) day: UtcDay,
    /// The topic, for a part of the log.
    pub(crate) topic: Option<String>,
    /// The streams of the topic, for a part of the log.
    streams: Option<Vec<i32>>,
}

impl Part<'_> {
    /// Returns the statement that copies out the whole part.
    pub(super) async fn copy_out(&self, client: &Client) -> Result<String, DumpError> {
        let streams: Option<Vec<String>> =
            self.streams.as_ref().map(|all| all.iter().map(i32::to_string).collect());
        let filter = streams.as_deref().map(|values| ValueFilter {
            column: "stream",
            type_name: "integer",
            values,
        });
        self.table.copy_out(client, bounds(self.day), filter, self.topic.as_deref()).await
    }
}

/// Returns the parts of a day. A model's table is one part. The log has one part for each topic
/// with records of that day.
pub(crate) async fn parts<'t>(
    client: &Client,
    table: &'t DumpTable,
    day: UtcDay,
) -> Result<Vec<Part<'t>>, DumpError> {
    if table.model != LOG {
        return Ok(vec![Part { table, day, topic: None, streams: None }]);
    }
    let time = bounds(day);
    let params: [Param<'_>; 2] = [(&time.start, Type::TIMESTAMPTZ), (&time.end, Type::TIMESTAMPTZ)];
    let rows = client.query_typed(log::STREAMS_OF_DAY, &params).await?;
    rows.iter()
        .map(|row| {
            Ok(Part { table, day, topic: row.try_get("topic")?, streams: row.try_get("streams")? })
        })
        .collect()
}
