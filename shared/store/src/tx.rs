//! An open transaction. Its statements have no names, so that they work behind any pooler.

use std::sync::Arc;

use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};
use weir_model::Statement;

/// A parameter and its type.
pub(crate) type TypedParam<'a> = (&'a (dyn ToSql + Sync), Type);

/// Returns one value of each row, as a parameter of `unnest`.
pub(crate) fn column<'r, R: 'r, V>(
    rows: impl IntoIterator<Item = &'r R>,
    value: impl FnMut(&'r R) -> V,
) -> Vec<V> {
    rows.into_iter().map(value).collect()
}

/// The operations for work inside a transaction. [`Store::transaction`](crate::Store::transaction)
/// begins and ends the transaction.
pub struct Tx {
    client: Arc<Client>,
}

impl Tx {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// Runs a query and returns its rows.
    pub async fn query(
        &self,
        sql: &str,
        params: &[TypedParam<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.client.query_typed(sql, params).await
    }

    /// Runs a statement and returns the number of rows that it wrote.
    pub async fn execute(
        &self,
        sql: &str,
        params: &[TypedParam<'_>],
    ) -> Result<u64, tokio_postgres::Error> {
        self.client.execute_typed(sql, params).await
    }

    /// Runs several statements without parameters.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }

    /// Runs a model's statement and returns the number of rows that it wrote.
    pub async fn run(&self, statement: &Statement<'_>) -> Result<u64, tokio_postgres::Error> {
        let params: Vec<TypedParam<'_>> = statement
            .params
            .iter()
            .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        self.client.execute_typed(statement.sql, &params).await
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}
