//! Numbers.

use super::bytes::field;
use super::{eight, four, measured};

/// Digits that 64 bits hold, whatever they are.
const DIGITS_64: usize = 19;

pub(super) fn int2<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = integer(text)?;
    let [a, b] = i16::try_from(value).ok()?.to_be_bytes();
    out.extend_from_slice(&[0, 0, 0, 2, a, b]);
    Some(rest)
}

pub(super) fn int4<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = integer(text)?;
    four(i32::try_from(value).ok()?.to_be_bytes(), out);
    Some(rest)
}

pub(super) fn int8<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = integer(text)?;
    eight(value.to_be_bytes(), out);
    Some(rest)
}

pub(super) fn oid<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = integer(text)?;
    four(u32::try_from(value).ok()?.to_be_bytes(), out);
    Some(rest)
}

fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, digits) = sign(text);
    let (value, count) = leading(digits);
    if !(1..=DIGITS_64).contains(&count) {
        return None;
    }
    let value = if negative { 0_i64.checked_sub_unsigned(value)? } else { i64::try_from(value).ok()? };
    Some((value, &digits[count..]))
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest))
}

/// The number that the text begins with, and how many digits it has. Of more than [`DIGITS_64`] digits it means nothing.
fn leading(text: &[u8]) -> (u64, usize) {
    let (mut value, mut count) = (0_u64, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}

pub(super) fn float4<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = field(text)?;
    let number: f32 = std::str::from_utf8(value).ok()?.parse().ok()?;
    is_what_it_says(value, number.is_finite()).then(|| four(number.to_be_bytes(), out))?;
    Some(rest)
}

pub(super) fn float8<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = field(text)?;
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    is_what_it_says(value, number.is_finite()).then(|| eight(number.to_be_bytes(), out))?;
    Some(rest)
}

/// Digits beyond the largest number would be read as infinity.
fn is_what_it_says(value: &[u8], finite: bool) -> bool {
    finite || matches!(value, b"NaN" | b"Infinity" | b"-Infinity")
}

/// A number is digits in base 10,000, the weight of the first of them, a sign, and how many decimals are shown (`numeric_recv`).
const BASE: u64 = 10_000;

/// More digits than any column's modifier allows are left to the server.
const DIGITS_MAX: usize = 4_000;

pub(super) fn numeric<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (negative, digits) = sign(text);
    let (whole, count) = leading(digits);
    if count == 0 {
        return special(text, out);
    }
    let (decimals, scale) = match digits.get(count)? {
        b'.' => leading(&digits[count + 1..]),
        _ => (0, 0),
    };
    let rest = &digits[count + scale + usize::from(digits[count] == b'.')..];
    if count <= WHOLE_SHORT && scale <= SCALE_SHORT {
        short(negative, whole, (decimals, scale), out);
    } else {
        let decimals = digits.get(count + 1..count + 1 + scale).unwrap_or_default();
        long(negative, &digits[..count], decimals, out)?;
    }
    Some(rest)
}

/// Digits before and behind the point of a number that is worked on in two registers.
const WHOLE_SHORT: usize = 16;
const SCALE_SHORT: usize = 8;

fn short(negative: bool, whole: u64, (decimals, scale): (u64, usize), out: &mut Vec<u8>) {
    const POWERS: [u64; SCALE_SHORT + 1] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let decimals = decimals * POWERS[scale];
    let (high, low) = (whole / (BASE * BASE), whole % (BASE * BASE));
    let groups = [high / BASE, high % BASE, low / BASE, low % BASE, decimals / BASE, decimals % BASE];
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| *group != 0).map_or(first, |last| last + 1);
    let count = (last - first) as u16;
    let mut value = [0_u8; 4 + 8 + 2 * 6];
    value[3] = 8 + 2 * count as u8;
    value[4..12].copy_from_slice(&head(count, 3 - first as i16, negative, scale));
    for (group, place) in groups[first..last].iter().zip(value[12..].as_chunks_mut::<2>().0) {
        *place = (*group as u16).to_be_bytes();
    }
    out.extend_from_slice(&value[..12 + 2 * usize::from(count)]);
}

fn head(count: u16, weight: i16, negative: bool, scale: usize) -> [u8; 8] {
    let (weight, sign) = if count == 0 { (0, 0) } else { (weight, u16::from(negative) << 14) };
    let [[a, b], [c, d], [e, f], [g, h]] = [count, weight as u16, sign, scale as u16].map(u16::to_be_bytes);
    [a, b, c, d, e, f, g, h]
}

fn long(negative: bool, whole: &[u8], decimals: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if whole.len() + decimals.len() > DIGITS_MAX {
        return None;
    }
    measured(out, |out| {
        let at = out.len();
        out.extend_from_slice(&[0; 8]);
        let weight = groups(whole, decimals, out);
        let count = ((out.len() - at - 8) / 2) as u16;
        out[at..at + 8].copy_from_slice(&head(count, weight, negative, decimals.len()));
        Some(())
    })
}

/// Appends the groups without those that are zero at either end; gives the weight of the first.
fn groups(whole: &[u8], decimals: &[u8], out: &mut Vec<u8>) -> i16 {
    let start = out.len();
    let mut weight = whole.len().div_ceil(4) as i16 - 1;
    let (first, whole) = whole.split_at((whole.len() - 1) % 4 + 1);
    let (full, rest) = decimals.as_chunks::<4>();
    let mut append = |value: u16| match value {
        0 if out.len() == start => weight -= 1,
        value => out.extend_from_slice(&value.to_be_bytes()),
    };
    append(group(first));
    whole.as_chunks::<4>().0.iter().chain(full).for_each(|digits| append(group(digits)));
    if !rest.is_empty() {
        append(group(rest) * [0, 1_000, 100, 10][rest.len()]);
    }
    while out.len() > start && out.ends_with(&[0, 0]) {
        out.truncate(out.len() - 2);
    }
    weight
}

/// Up to four digits.
fn group(digits: &[u8]) -> u16 {
    leading(digits).0 as u16
}

fn special<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = field(text)?;
    // The last number means nothing; it is what servers write.
    let (sign, scale): (u8, u8) = match value {
        b"NaN" => (0xC0, 0),
        b"Infinity" => (0xD0, 32),
        b"-Infinity" => (0xF0, 32),
        _ => return None,
    };
    eight([0, 0, 0, 0, sign, 0, 0, scale], out);
    Some(rest)
}
