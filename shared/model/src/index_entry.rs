//! The size limit of an index entry. A B-tree entry holds at most 2,704 bytes, and the database
//! would refuse the whole batch because of a longer text. So the decoder checks the length.

/// Maximum bytes of the text columns of one entry. The rest is for numbers, instants and lengths.
pub const BYTES_MAX: usize = 2_600;

/// Returns whether these texts together fit into one entry.
pub fn fits<const N: usize>(texts: [&str; N]) -> bool {
    bytes(texts) <= BYTES_MAX
}

/// Returns the number of bytes of these texts together.
pub fn bytes<const N: usize>(texts: [&str; N]) -> usize {
    texts.iter().map(|text| text.len()).sum()
}
