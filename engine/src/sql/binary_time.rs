//! Dates and times of binary COPY fields as text: ISO dates, UTC.

use super::binary::{Malformed, Scalar};

type Result<T> = std::result::Result<T, Malformed>;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Days from 0000-03-01 of the proleptic Gregorian calendar to 2000-01-01.
const EPOCH: i64 = 730_425;

/// Renders a date or time.
pub(super) fn render(scalar: Scalar, value: &[u8]) -> Result<String> {
    let fixed = |from: usize, to: usize| value.get(from..to).ok_or(Malformed);
    let i64_at = |from: usize| Ok(i64::from_be_bytes(fixed(from, from + 8)?.try_into().map_err(|_| Malformed)?));
    let i32_at = |from: usize| Ok(i32::from_be_bytes(fixed(from, from + 4)?.try_into().map_err(|_| Malformed)?));
    let length = match scalar {
        Scalar::Date => 4,
        Scalar::Timetz => 12,
        _ => 8,
    };
    if value.len() != length {
        return Err(Malformed);
    }
    Ok(match scalar {
        Scalar::Date => match i32_at(0)? {
            i32::MAX => "infinity".to_owned(),
            i32::MIN => "-infinity".to_owned(),
            days => {
                let (date, era) = date(days.into());
                format!("{date}{era}")
            }
        },
        Scalar::Time => clock(i64_at(0)?),
        Scalar::Timetz => format!("{}{}", clock(i64_at(0)?), zone(i32_at(8)?)),
        Scalar::Timestamp => timestamp(i64_at(0)?, ""),
        Scalar::Timestamptz => timestamp(i64_at(0)?, "+00"),
        _ => return Err(Malformed),
    })
}

/// Year, month, day of a day counted from 2000-01-01, and the suffix of years before 1.
fn date(days: i64) -> (String, &'static str) {
    let shifted = days + EPOCH;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year > 0 {
        (format!("{year:04}-{month:02}-{day:02}"), "")
    } else {
        (format!("{:04}-{month:02}-{day:02}", 1 - year), " BC")
    }
}

fn clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text + &fraction(micros % 1_000_000)
}

fn fraction(micros: i64) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() }
}

/// Seconds west of Greenwich.
fn zone(west: i32) -> String {
    let (sign, east) = if west > 0 { ('-', west) } else { ('+', -west) };
    let mut text = format!("{sign}{:02}", east / 3600);
    if east % 3600 != 0 {
        text.push_str(&format!(":{:02}", east / 60 % 60));
    }
    if east % 60 != 0 {
        text.push_str(&format!(":{:02}", east % 60));
    }
    text
}

fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (date, era) = date(micros.div_euclid(DAY));
            format!("{date} {}{zone}{era}", clock(micros.rem_euclid(DAY)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_from_both_sides_of_the_epoch() {
        for (days, expected) in
            [(0, "2000-01-01"), (-1, "1999-12-31"), (59, "2000-02-29"), (9_455, "2025-11-20"), (-730_119, "0001-01-01")]
        {
            assert_eq!(render(Scalar::Date, &i32::to_be_bytes(days)), Ok(expected.to_owned()));
        }
        assert_eq!(render(Scalar::Date, &(-730_120i32).to_be_bytes()), Ok("0001-12-31 BC".to_owned()));
        assert_eq!(render(Scalar::Timestamptz, &(-1i64).to_be_bytes()), Ok("1999-12-31 23:59:59.999999+00".to_owned()));
    }
}
