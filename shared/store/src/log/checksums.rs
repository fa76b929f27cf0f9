//! Reads the checksums of stored records, to compare them with delivered ones.

use crate::{RecordCoordinates, StoreError, Tx};

/// The checksums of stored records in ranges of offsets, with the removals of retention in them.
/// The file names the parameters.
pub(crate) const CHECKSUMS: &str = include_str!("sql/read_checksums.sql");

/// The known record that is nearest to an offset in one direction.
pub(crate) const NEAREST: &str = include_str!("sql/stored_record.sql");

/// Returns the checksum of the log's row at these coordinates, if there is one.
pub(crate) async fn checksum_at(
    tx: &Tx,
    place: RecordCoordinates,
) -> Result<Option<u128>, StoreError> {
    let rows = tx.query(include_str!("sql/find_event.sql"), &place.params()).await?;
    rows.first().map(|row| Ok(checksum_of(row.try_get("checksum")?))).transpose()
}

/// Returns the checksum in 16 bytes, in network byte order.
pub(crate) fn checksum_of(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.try_into().unwrap_or_default())
}
