//! The mark in every post: when it was meant to leave, and which one it is. Whoever receives
//! the post reads its age from it, without a table of what was sent.

use std::sync::LazyLock;

use memchr::memmem::Finder;

const MARK: &[u8] = b"lt~";
const TIME_DIGITS: usize = 16;
const NUMBER_DIGITS: usize = 8;

/// The mark of one post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When it was meant to leave, by the clock of this driver.
    pub(crate) intended: u64,
    /// Which post of the run it is.
    pub(crate) number: u64,
}

impl Stamp {
    /// How many bytes a written stamp has.
    pub(crate) const LENGTH: usize = MARK.len() + TIME_DIGITS + 1 + NUMBER_DIGITS + 1;

    /// Writes the stamp over `place`, which has [`Self::LENGTH`] bytes.
    pub(crate) fn write(self, place: &mut [u8]) {
        let Some((mark, rest)) = place.split_at_mut_checked(MARK.len()) else {
            return;
        };
        mark.copy_from_slice(MARK);
        let Some((time, rest)) = rest.split_at_mut_checked(TIME_DIGITS + 1) else {
            return;
        };
        write_digits(self.intended, time);
        write_digits(self.number, rest);
    }

    /// Finds the stamp in a frame; `None` for a post of somebody else.
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
        let at = FINDER.find(frame)? + MARK.len();
        let time = frame.get(at..at + TIME_DIGITS)?;
        let number_at = at + TIME_DIGITS + 1;
        let number = frame.get(number_at..number_at + NUMBER_DIGITS)?;
        Some(Self {
            intended: read_digits(time)?,
            number: read_digits(number)?,
        })
    }
}

/// Fills `place` with digits and one closing tilde.
fn write_digits(mut value: u64, place: &mut [u8]) {
    let Some((end, digits)) = place.split_last_mut() else {
        return;
    };
    *end = b'~';
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Reads digits; `None` when there is anything else, or nothing.
pub(crate) fn read_digits(digits: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|it| *it < 10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!digits.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_as_it_was_written() {
        let stamp = Stamp {
            intended: 1_234_567_890,
            number: 42,
        };
        let mut content = [b' '; Stamp::LENGTH];
        stamp.write(&mut content);
        assert_eq!(&content, b"lt~0000001234567890~00000042~");
        let frame = [b"{\"content\":\"".as_slice(), &content, b" and more\"}"].concat();
        assert_eq!(Stamp::find(&frame), Some(stamp));
    }

    #[test]
    fn what_only_looks_like_a_stamp_is_none() {
        for frame in ["", "lt~", "lt~12~34~", "lt~00000012345678x0~00000042~"] {
            assert_eq!(Stamp::find(frame.as_bytes()), None, "{frame}");
        }
    }
}
