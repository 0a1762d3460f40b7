//! Strings, and what is written as letters or hexadecimal digits.

use super::measured;

/// What ends a field.
pub(super) fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(memchr::memchr2(b'\t', b'\n', text)?)
}

pub(super) fn bool<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first()?;
    let value = match first {
        b't' => 1,
        b'f' => 0,
        _ => return None,
    };
    out.extend_from_slice(&[0, 0, 0, 1, value]);
    Some(rest)
}

/// A string: `COPY` writes some bytes behind a backslash.
pub(super) fn text<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (plain, rest) = text.split_at_checked(plain(text)?)?;
    if rest.first() == Some(&b'\\') {
        return measured(out, |out| unescaped(text, out));
    }
    out.extend_from_slice(&u32::try_from(plain.len()).ok()?.to_be_bytes());
    out.extend_from_slice(plain);
    Some(rest)
}

/// Up to where a string needs no second look. Most are so short that a search for the end would take longer to begin than to
/// look at each byte.
fn plain(text: &[u8]) -> Option<usize> {
    const SHORT: usize = 16;
    let is_end = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\\');
    match text.iter().take(SHORT).position(is_end) {
        Some(end) => Some(end),
        None => memchr::memchr3(b'\t', b'\n', b'\\', text.get(SHORT..)?).map(|end| end + SHORT),
    }
}

/// A version byte, then the text.
pub(super) fn jsonb<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    measured(out, |out| {
        out.push(1);
        unescaped(text, out)
    })
}

fn unescaped<'a>(mut text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (head, rest) = text.split_at_checked(plain(text)?)?;
        out.extend_from_slice(head);
        let [b'\\', escaped, behind @ ..] = rest else { return Some(rest) };
        out.push(match escaped {
            b'\\' => b'\\',
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            _ => return None,
        });
        text = behind;
    }
}

/// `\x` and two digits per byte; the backslash is written twice.
pub(super) fn bytea<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = field(text)?;
    let (pairs, odd) = value.strip_prefix(br"\\x")?.as_chunks::<2>();
    measured(out, |out| {
        out.reserve(pairs.len());
        for pair in pairs {
            out.push(pair_of(*pair)?);
        }
        odd.is_empty().then_some(rest)
    })
}

/// 32 digits in groups of 8, 4, 4, 4 and 12.
pub(super) fn uuid<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = text.split_at_checked(36)?;
    let mut binary = [0; 16];
    let mut at = 0;
    for (number, byte) in binary.iter_mut().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            if value[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = pair_of([value[at], value[at + 1]])?;
        at += 2;
    }
    out.extend_from_slice(&[0, 0, 0, 16]);
    out.extend_from_slice(&binary);
    Some(rest)
}

fn pair_of([high, low]: [u8; 2]) -> Option<u8> {
    let (high, low) = (DIGITS[usize::from(high)], DIGITS[usize::from(low)]);
    (high | low < 16).then_some(high << 4 | low)
}

/// What a lowercase hexadecimal digit is worth; 255 for everything else.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
