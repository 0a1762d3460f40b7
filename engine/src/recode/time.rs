//! Dates and times: ISO, of years 1 to 9999, and infinity.

use super::{eight, four};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Days from 0000-03-01 of the proleptic Gregorian calendar to 2000-01-01.
const EPOCH: i32 = 730_425;

pub(super) fn date<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (days, rest) = match infinity(text) {
        Some((true, rest)) => (i32::MIN, rest),
        Some((false, rest)) => (i32::MAX, rest),
        None => day(text)?,
    };
    four(days.to_be_bytes(), out);
    Some(rest)
}

pub(super) fn time<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (micros, rest) = clock(text)?;
    eight(micros.to_be_bytes(), out);
    Some(rest)
}

/// `zone` is what stands behind the time.
pub(super) fn timestamp<'a>(text: &'a [u8], zone: &[u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (micros, rest) = match infinity(text) {
        Some((true, rest)) => (i64::MIN, rest),
        Some((false, rest)) => (i64::MAX, rest),
        None => {
            let (days, rest) = day(text)?;
            let (micros, rest) = clock(rest.strip_prefix(b" ")?)?;
            // Midnight is the next day's.
            let within = (micros < DAY).then_some(micros)?;
            (i64::from(days) * DAY + within, rest.strip_prefix(zone)?)
        }
    };
    eight(micros.to_be_bytes(), out);
    Some(rest)
}

/// Whether it is the one before all times.
fn infinity(text: &[u8]) -> Option<(bool, &[u8])> {
    match text.first()? {
        b'i' => text.strip_prefix(b"infinity").map(|rest| (false, rest)),
        b'-' => text.strip_prefix(b"-infinity").map(|rest| (true, rest)),
        _ => None,
    }
}

/// `YYYY-MM-DD` as days from 2000-01-01.
fn day(text: &[u8]) -> Option<(i32, &[u8])> {
    let ([c, e, y, r, first, m, n, second, d, a], rest) = text.split_first_chunk::<10>()?;
    let (year, month, day) = (two(c, e)? * 100 + two(y, r)?, two(m, n)?, two(d, a)?);
    let sound = *first == b'-' && *second == b'-' && year > 0;
    if !sound || !(1..=12).contains(&month) || !(1..=last_day(year, month)).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - EPOCH, rest))
}

fn last_day(year: i32, month: i32) -> i32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `HH:MM:SS`, up to six decimals, as microseconds.
fn clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let ([h, o, first, m, i, second, s, e], rest) = text.split_first_chunk::<8>()?;
    let (hours, minutes, seconds) = (two(h, o)?, two(m, i)?, two(s, e)?);
    if *first != b':' || *second != b':' || minutes > 59 || seconds > 59 {
        return None;
    }
    let mut micros = i64::from(hours * 3_600 + minutes * 60 + seconds) * 1_000_000;
    let mut rest = rest;
    if let [b'.', decimals @ ..] = rest {
        let mut worth = 100_000;
        rest = decimals;
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            micros += i64::from(digit - b'0') * worth;
            worth /= 10;
            rest = behind;
        }
        let count = decimals.len() - rest.len();
        if !(1..=6).contains(&count) {
            return None;
        }
    }
    (micros <= DAY).then_some((micros, rest))
}

/// Two digits.
fn two(tens: &u8, ones: &u8) -> Option<i32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i32::from(tens) * 10 + i32::from(ones))
}
