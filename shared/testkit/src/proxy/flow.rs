//! Tracks the requests of a connection that the server has not answered yet.

use std::collections::VecDeque;

/// Tracks both directions of one connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// `Query`, `Sync` and function-call messages that have not got their `ReadyForQuery` yet.
    pending: VecDeque<u8>,
    /// Whether the server reads COPY data. It ignores `Sync` in that state.
    in_copy: bool,
    /// Expected answers to requests for encryption, of one bare byte each.
    bare_bytes: usize,
    head: Vec<u8>,
    body_left: usize,
}

impl Flow {
    /// Records a request for encryption that was sent to the server.
    pub(super) fn sent_encryption_request(&mut self) {
        self.bare_bytes += 1;
    }

    /// Records a message that was sent to the server.
    pub(super) fn sent(&mut self, tag: u8) {
        match tag {
            b'c' | b'f' => self.in_copy = false,
            b'S' if self.in_copy => {}
            b'Q' | b'S' | b'F' => self.pending.push_back(tag),
            _ => {}
        }
    }

    /// Parses bytes from the server, in pieces of any size.
    pub(super) fn received(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first() {
            if self.body_left > 0 {
                let step = self.body_left.min(bytes.len());
                self.body_left -= step;
                bytes = &bytes[step..];
            } else {
                bytes = &bytes[1..];
                if self.bare_bytes > 0 && self.head.is_empty() {
                    self.bare_bytes -= 1;
                    continue;
                }
                self.head.push(*first);
                if let [_, a, b, c, d] = self.head[..] {
                    let length = u32::from_be_bytes([a, b, c, d]).saturating_sub(4);
                    self.body_left = usize::try_from(length).unwrap_or(usize::MAX);
                }
            }
            if self.head.len() == 5 && self.body_left == 0 {
                self.answered(self.head[0]);
                self.head.clear();
            }
        }
    }

    /// Returns whether the server waits for the client: every request is answered, or the server
    /// reads COPY data.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty() || self.in_copy
    }

    fn answered(&mut self, tag: u8) {
        match tag {
            b'Z' => {
                self.pending.pop_front();
            }
            b'G' => {
                self.in_copy = true;
                // The server ignores a Sync that was sent together with the COPY, and answers the
                // one after the data.
                while self.pending.front() == Some(&b'S') {
                    self.pending.pop_front();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flow;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("small");
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn pipelined_requests_are_settled_by_their_last_answer() {
        let mut flow = Flow::default();
        flow.sent(b'Q');
        flow.sent(b'P');
        flow.sent(b'S');
        let answers =
            [message(b'D', &[0; 9]), message(b'Z', b"T"), message(b'1', b""), message(b'Z', b"I")]
                .concat();
        for (at, byte) in answers.iter().enumerate() {
            assert!(!flow.is_settled(), "before byte {at}");
            flow.received(&[*byte]);
        }
        assert!(flow.is_settled());
    }

    #[test]
    fn the_sync_sent_with_a_copy_is_not_waited_for() {
        let mut flow = Flow::default();
        for tag in *b"BES" {
            flow.sent(tag);
        }
        flow.received(&message(b'G', &[1, 0, 0]));
        assert!(flow.is_settled(), "the server wants data");
        for tag in *b"ddcS" {
            flow.sent(tag);
        }
        assert!(!flow.is_settled());
        flow.received(&[message(b'C', b"COPY 2\0"), message(b'Z', b"I")].concat());
        assert!(flow.is_settled());
    }

    #[test]
    fn the_answer_to_a_tls_request_is_one_bare_byte() {
        let mut flow = Flow::default();
        flow.sent_encryption_request();
        flow.sent(b'Q');
        flow.received(&[&b"N"[..], &message(b'Z', b"I")].concat());
        assert!(flow.is_settled());
    }
}
