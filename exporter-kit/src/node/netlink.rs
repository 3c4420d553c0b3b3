//! Questions to the kernel's routing socket.
//!
//! One request with `NLM_F_DUMP` is answered by a series of messages, each a header, a fixed part and attributes of
//! (length, type, payload), all in the byte order of the machine and padded to four bytes; see rtnetlink(7) and
//! netlink(7).

use std::io;

use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

use super::NodeError;

/// A kind of question: the number of the request, that of the messages which answer it, the address family asked for,
/// and the length of the fixed part of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dump {
    pub(super) request: u16,
    pub(super) answer: u16,
    pub(super) family: u8,
    pub(super) fixed: usize,
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
pub(super) const HEADER: usize = 16;

impl Dump {
    /// Asks, and hands each answering message, without its header, to a function.
    pub(super) fn ask(&self, mut each: impl FnMut(&[u8])) -> Result<(), NodeError> {
        let system = |call| move |errno: rustix::io::Errno| NodeError::System { call, source: errno.into() };
        // Without a protocol's number it is NETLINK_ROUTE, which is zero.
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).map_err(system("socket"))?;
        let kernel = netlink::SocketAddrNetlink::new(0, 0);
        net::sendto(&socket, &self.question(), SendFlags::empty(), &kernel).map_err(system("sendto"))?;
        // The kernel sends at most 32 kB at a time.
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (length, _) =
                net::recv(&socket, &mut buffer[..], RecvFlags::empty()).map_err(system("recv"))?;
            let received = buffer.get(..length).unwrap_or_default();
            if received.is_empty() || self.read(received, &mut each)? {
                return Ok(());
            }
        }
    }

    fn question(&self) -> Vec<u8> {
        let length = HEADER + self.fixed;
        let mut question = Vec::with_capacity(length);
        question.extend((length as u32).to_ne_bytes());
        question.extend(self.request.to_ne_bytes());
        question.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
        question.resize(HEADER, 0);
        question.push(self.family);
        question.resize(length, 0);
        question
    }

    /// Takes the answers out of received messages; true if no more will follow.
    pub(super) fn read(&self, mut messages: &[u8], each: &mut impl FnMut(&[u8])) -> Result<bool, NodeError> {
        while let Some((length, kind)) = u32_at(messages, 0).zip(u16_at(messages, 4)) {
            let length = length as usize;
            let body = messages
                .get(HEADER..length)
                .ok_or_else(|| NodeError::malformed("netlink answer", "a whole message", "less"))?;
            match kind {
                NLMSG_DONE => return Ok(true),
                NLMSG_ERROR => {
                    let code = u32_at(body, 0).unwrap_or_default() as i32;
                    let source = io::Error::from_raw_os_error(code.saturating_neg());
                    return Err(NodeError::System { call: "netlink request", source });
                }
                kind if kind == self.answer && body.len() >= self.fixed => each(body),
                _ => {}
            }
            messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }
}

/// The attributes after a message's fixed part, as kinds and payloads.
pub(super) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = u16_at(rest, 0).zip(u16_at(rest, 2))?;
        let length = usize::from(length);
        let payload = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// Messages as the kernel writes them, for tests.
#[cfg(test)]
pub(super) mod written {
    use super::HEADER;

    pub(in crate::node) const DONE: u16 = super::NLMSG_DONE;

    pub(in crate::node) fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; HEADER - 6]);
        message.extend(body);
        message
    }

    pub(in crate::node) fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut attribute = ((4 + payload.len()) as u16).to_ne_bytes().to_vec();
        attribute.extend(kind.to_ne_bytes());
        attribute.extend(payload);
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        attribute
    }
}

#[cfg(test)]
mod tests {
    use super::written::message;
    use super::*;

    const DUMP: Dump = Dump { request: 18, answer: 16, family: 0, fixed: 16 };

    #[test]
    fn a_refusal_is_an_error() {
        let refusal = message(NLMSG_ERROR, &(-1i32).to_ne_bytes());
        assert_eq!(DUMP.read(&refusal, &mut |_| {}).unwrap_err().to_string(), "netlink request failed");
    }

    #[test]
    fn a_cut_message_is_an_error_and_a_short_one_is_passed_over() {
        let mut count = 0;
        let whole = message(16, &[0; 20]);
        assert!(DUMP.read(&whole[..30], &mut |_| count += 1).is_err());
        assert!(!DUMP.read(&message(16, &[0; 8]), &mut |_| count += 1).unwrap());
        assert_eq!(count, 0);
    }
}
