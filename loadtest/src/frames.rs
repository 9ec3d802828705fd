//! WebSocket frames (RFC 6455), as much of them as this driver meets: whole frames from the
//! server, unmasked, and small ones to it.

use crate::failure::{Failure, Outcome};

/// A text frame.
pub(crate) const TEXT: u8 = 1;
/// The end of the connection, with an optional code.
pub(crate) const CLOSE: u8 = 8;
/// Are you there?
pub(crate) const PING: u8 = 9;
/// The answer to a ping.
pub(crate) const PONG: u8 = 10;

/// More than any frame that the server sends.
const MAX_PAYLOAD: u64 = 1024 * 1024;

/// One frame, still where it was received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What kind it is.
    pub(crate) opcode: u8,
    /// What it carries.
    pub(crate) payload: &'a [u8],
}

/// Takes the first frame off `bytes` and gives what follows it; `None` while it is not whole.
pub(crate) fn split(bytes: &[u8]) -> Outcome<Option<(Frame<'_>, &[u8])>> {
    let Some(([first, second], rest)) = bytes.split_first_chunk::<2>() else {
        return Ok(None);
    };
    let Some((length, rest)) = split_length(second & 0x7f, rest) else {
        return Ok(None);
    };
    if first & 0x80 == 0 || second & 0x80 != 0 || length > MAX_PAYLOAD {
        return Err(Failure::said(
            "the server sent a fragmented, masked or very large frame",
        ));
    }
    let whole = rest.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(whole.map(|(payload, rest)| {
        let opcode = first & 0x0f;
        (Frame { opcode, payload }, rest)
    }))
}

fn split_length(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short {
        126 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            Some((u16::from_be_bytes(*bytes).into(), rest))
        }
        127 => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*bytes), rest))
        }
        length => Some((length.into(), rest)),
    }
}

/// Appends a frame to `out`. A client has to mask; the mask is zero, which leaves the payload
/// as it is and costs nothing.
pub(crate) fn append(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < 126 => out.push(0x80 | length),
        (_, Ok(length)) => {
            out.push(0x80 | 126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_server(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x81];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            long => {
                frame.push(126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }

    #[test]
    fn frames_of_every_length_are_split() {
        for length in [0, 1, 125, 126, 127, 300, 65_535] {
            let payload = vec![b'x'; length];
            let bytes = [from_server(&payload), from_server(b"next")].concat();
            let (frame, rest) = split(&bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload), (TEXT, payload.as_slice()));
            assert_eq!(split(rest).unwrap().unwrap().0.payload, b"next");
        }
    }

    #[test]
    fn a_frame_that_is_not_whole_waits() {
        let bytes = from_server(&[b'x'; 200]);
        for length in 0..bytes.len() {
            assert_eq!(split(&bytes[..length]).unwrap(), None, "{length} bytes");
        }
    }

    #[test]
    fn a_fragment_or_a_masked_frame_is_refused() {
        assert!(split(&[0x01, 0x01, b'x']).is_err());
        assert!(split(&[0x81, 0x81, 0, 0, 0, 0, b'x']).is_err());
    }

    #[test]
    fn a_frame_to_the_server_is_masked_with_zero() {
        let mut out = Vec::new();
        append(PONG, b"hi", &mut out);
        assert_eq!(out, [0x8a, 0x82, 0, 0, 0, 0, b'h', b'i']);
        out.clear();
        append(TEXT, &[b'x'; 200], &mut out);
        assert_eq!(out.get(..8).unwrap(), [0x81, 0xfe, 0, 200, 0, 0, 0, 0]);
    }
}
