//! Framing of the protocol: first a startup packet without a type. Every later message has a type
//! byte, a length that includes itself, and a body.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const TLS_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// One message from a client, with its frame.
#[derive(Debug)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Reads the next message; returns `None` when the client closed.
    pub(super) async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let tag = match reader.read_u8().await {
            Ok(tag) => tag,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![tag];
        read_sized(reader, &mut bytes).await?;
        Ok(Some(Self(bytes)))
    }

    /// Returns the type byte.
    pub(super) fn tag(&self) -> u8 {
        self.0[0]
    }

    /// Returns the message with its frame.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the n-th of the zero-terminated strings at the beginning of the body.
    pub(super) fn string(&self, number: usize) -> Option<String> {
        let bytes = self.0.get(5..)?.split(|byte| *byte == 0).nth(number)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Reads the next startup packet; returns `None` when the client closed.
///
/// The flag is true if the packet only requests encryption, so that another packet follows.
pub(super) async fn read_startup(
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(Vec<u8>, bool)>> {
    let mut bytes = Vec::new();
    match read_sized(reader, &mut bytes).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let code = bytes.get(4..8).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
    Ok(Some((bytes, matches!(code, Some(TLS_REQUEST | GSS_REQUEST)))))
}

/// Appends a length and the number of bytes that it specifies.
async fn read_sized(reader: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = reader.read_u32().await?;
    bytes.extend(length.to_be_bytes());
    let rest = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
    let rest = rest.filter(|rest| *rest <= MESSAGE_BYTES_MAX).ok_or(io::ErrorKind::InvalidData)?;
    let start = bytes.len();
    bytes.resize(start + rest, 0);
    reader.read_exact(&mut bytes[start..]).await?;
    Ok(())
}
