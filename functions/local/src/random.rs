//! Random bytes of the system.

use crate::Exit;

/// Returns random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Exit> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Exit::failed(format!("the system returns no random numbers: {e}")))?;
    Ok(bytes)
}
