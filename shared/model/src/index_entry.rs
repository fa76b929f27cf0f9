//! What an entry of an index holds: a B-tree's ends at 2,704 bytes, and text that is longer is
//! refused by the database, for a whole batch. So it is measured while decoding.

/// The text columns of one entry together, bytes: the rest is for numbers, instants and lengths
/// beside them.
pub const BYTES_MAX: usize = 2_600;

/// Whether these texts fit into one entry together.
pub fn fits<const N: usize>(texts: [&str; N]) -> bool {
    bytes(texts) <= BYTES_MAX
}

/// The bytes of these texts together.
pub fn bytes<const N: usize>(texts: [&str; N]) -> usize {
    texts.iter().map(|text| text.len()).sum()
}
