//! Finds the indexes of columns once for all rows of a statement. A search in each row would cost a
//! long list a twentieth of its time.

use std::sync::OnceLock;

use tokio_postgres::Row;

/// The indexes of columns in the rows of one statement.
pub(crate) struct ColumnPlaces<const N: usize> {
    names: [&'static str; N],
    places: OnceLock<[usize; N]>,
}

impl<const N: usize> ColumnPlaces<N> {
    /// Takes the names of the columns.
    pub(crate) const fn of(names: [&'static str; N]) -> Self {
        Self { names, places: OnceLock::new() }
    }

    /// Returns the indexes in the order of the names. Reading a column that the statement does not
    /// have is an error.
    pub(crate) fn within(&self, row: &Row) -> [usize; N] {
        let place = |name| {
            row.columns().iter().position(|column| column.name() == name).unwrap_or(usize::MAX)
        };
        *self.places.get_or_init(|| self.names.map(place))
    }
}
