//! Numbers and tables as people read them.

use std::fmt::Write;

/// Bytes with a decimal unit: `912 B`, `12.3 kB`, `4.56 GB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = 0;
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match (unit, value) {
        (0, _) => format!("{count} B"),
        (_, value) if value >= 99.95 => format!("{value:.0} {}", units[unit]),
        (_, value) if value >= 9.995 => format!("{value:.1} {}", units[unit]),
        (_, value) => format!("{value:.2} {}", units[unit]),
    }
}

/// A count with thousands apart: `12,345,678`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time: `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 07 min`.
pub fn seconds(value: f64) -> String {
    let whole = value.round() as u64;
    match whole {
        0..=9 => format!("{value:.2} s"),
        10..=119 => format!("{value:.1} s"),
        120..=7199 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes per second in MB/s.
pub fn rate(count: u64, seconds: f64) -> String {
    let rate = if seconds > 0.0 { count as f64 / 1e6 / seconds } else { 0.0 };
    if rate >= 99.5 { format!("{rate:.0} MB/s") } else { format!("{rate:.1} MB/s") }
}

/// `1 table`, `2 tables`.
pub fn plural(value: u64, one: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {one}{ending}", count(value))
}

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table with a head line; columns two spaces apart, no trailing blanks.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, (title, _))| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([title.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let titles: Vec<String> = head.iter().map(|(title, _)| (*title).to_owned()).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate().take(head.len()) {
            let fill = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
            let gap = if at == 0 { "" } else { "  " };
            let _ = match head[at].1 {
                Align::Left => write!(line, "{gap}{cell}{fill}"),
                Align::Right => write!(line, "{gap}{fill}{cell}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(12_345), "12.3 kB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(4_561_000_000), "4.56 GB");
        assert_eq!(count(1), "1");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(seconds(0.42), "0.42 s");
        assert_eq!(seconds(245.0), "4 min 05 s");
        assert_eq!(rate(100_000_000, 0.5), "200 MB/s");
        assert_eq!(rate(1, 0.0), "0.0 MB/s");
        assert_eq!(plural(1, "table"), "1 table");
        assert_eq!(plural(2000, "table"), "2,000 tables");
    }

    #[test]
    fn tables_align() {
        let rows = [vec!["orders".to_owned(), "12".to_owned()], vec!["x".to_owned(), "3".to_owned()]];
        let text = table(&[("table", Align::Left), ("rows", Align::Right)], &rows);
        assert_eq!(text, "table   rows\norders    12\nx          3\n");
    }
}
