//! The primitive types of Kafka's protocol.

use anyhow::{Context, Result, bail};

pub(super) fn text(text: &str) -> Result<Vec<u8>> {
    Ok([&i16::try_from(text.len())?.to_be_bytes()[..], text.as_bytes()].concat())
}

pub(super) fn bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    Ok([&i32::try_from(bytes.len())?.to_be_bytes()[..], bytes].concat())
}

pub(super) fn array(length: usize) -> Result<Vec<u8>> {
    Ok(i32::try_from(length)?.to_be_bytes().to_vec())
}

/// Encodes a length plus one as a varint: seven bits per byte, the lowest first. 0 is null.
pub(super) fn compact_length(length: usize) -> Result<Vec<u8>> {
    let mut left = length + 1;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f)? | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left)?);
    Ok(bytes)
}

pub(super) fn compact_text(text: &str) -> Result<Vec<u8>> {
    Ok([compact_length(text.len())?.as_slice(), text.as_bytes()].concat())
}

/// The body of an answer, which is read from its beginning to its end.
pub(super) struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(length).context("the broker's answer is too short")?;
        let found = self.bytes.get(self.at..end).context("the broker's answer is too short")?;
        self.at = end;
        Ok(found)
    }

    pub(super) fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    pub(super) fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    pub(super) fn int64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    /// Returns `None` for null.
    pub(super) fn text(&mut self) -> Result<Option<String>> {
        let Ok(length) = usize::try_from(self.int16()?) else { return Ok(None) };
        Ok(Some(String::from_utf8(self.take(length)?.to_vec())?))
    }

    /// Returns no bytes for null, too.
    pub(super) fn bytes(&mut self) -> Result<&[u8]> {
        let length = usize::try_from(self.int32()?).unwrap_or_default();
        self.take(length)
    }

    fn varint(&mut self) -> Result<usize> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.take(1)?[0];
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("the broker's answer has a number that does not end")
    }

    /// Returns 0 for null, too.
    pub(super) fn compact_length(&mut self) -> Result<usize> {
        Ok(self.varint()?.saturating_sub(1))
    }

    /// Returns `None` for null.
    pub(super) fn compact_text(&mut self) -> Result<Option<String>> {
        let Some(length) = self.varint()?.checked_sub(1) else { return Ok(None) };
        Ok(Some(String::from_utf8(self.take(length)?.to_vec())?))
    }

    /// Skips the tagged fields, which later versions add.
    pub(super) fn tags(&mut self) -> Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.take(length)?;
        }
        Ok(())
    }
}
