//! Sizes and times as people write them.

use std::time::Duration;

use pgfreight_engine::limits;

/// Bytes: `512MiB`, `1GiB`, `65536`; decimal units (`MB`) mean powers of ten.
pub fn bytes(text: &str) -> Result<u64, String> {
    let units: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let (number, unit) = split(text);
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).map(|(_, factor)| *factor)
    };
    let value = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    value.ok_or_else(|| format!("`{text}` is not a size; write for example 256MiB"))
}

/// Raw bytes per chunk, within the engine's limits.
pub fn chunk(text: &str) -> Result<u64, String> {
    let size = bytes(text)?;
    let allowed = limits::CHUNK_TARGET_MIN..=limits::CHUNK_TARGET_MAX;
    if allowed.contains(&size) { Ok(size) } else { Err(format!("`{text}` is not between 1MiB and 1GiB")) }
}

/// Bytes per second: `50MB/s`, `50MB`.
pub fn rate(text: &str) -> Result<u64, String> {
    let rate = bytes(text.trim().strip_suffix("/s").unwrap_or(text))
        .map_err(|_| format!("`{text}` is not a rate; write for example 50MB/s"))?;
    if rate >= limits::RATE_MIN { Ok(rate) } else { Err(format!("`{text}` is less than 64KiB/s")) }
}

/// A time: `90s`, `15min`, `2h`, `500ms`; a bare number means milliseconds, as pg_dump's `--lock-wait-timeout` has it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "ms" => Some(1),
        "s" => Some(1_000),
        "min" | "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let value =
        number.parse::<u64>().ok().zip(factor).and_then(|(number, factor): (u64, u64)| number.checked_mul(factor));
    value.map(Duration::from_millis).ok_or_else(|| format!("`{text}` is not a time; write for example 90s, 15min, 2h"))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..at], text[at..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("1 GB"), Ok(1_000_000_000));
        assert_eq!(bytes("65536"), Ok(65_536));
        for bad in ["", "MiB", "-1", "1.5GiB", "12parsecs", "99999999999TiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn chunk_sizes_are_bounded() {
        assert_eq!(chunk("1MiB"), Ok(1 << 20));
        assert_eq!(chunk("1GiB"), Ok(1 << 30));
        for bad in ["0", "1000000", "2GiB", "64"] {
            assert!(chunk(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("50MB/s"), Ok(50_000_000));
        assert_eq!(rate("1 MiB/s"), Ok(1 << 20));
        assert_eq!(rate("64KiB"), Ok(65_536));
        for bad in ["0", "1kB/s", "fast", "50MB/min", "/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("5000"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("15min"), Ok(Duration::from_secs(900)));
        assert!(duration("soon").is_err());
    }
}
