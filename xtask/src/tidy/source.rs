//! A Rust source with a masked copy: same length, same lines, but comments, strings and test modules blank.

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    path: String,
    text: String,
    code: String,
    product: String,
}

impl Source {
    /// Masks a file's text.
    pub fn new(path: &str, text: String) -> Source {
        let code = mask(&text);
        let product = without_tests(&code);
        Source { path: path.to_owned(), text, code, product }
    }

    /// Path below the workspace.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text as it stands.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text without comments and strings.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// As `code`, without test modules.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// Whether the whole file is tests: a test binary's module, or a module that only tests include.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs")
    }
}

/// Line number (from 1) of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// Blanks comments, string and character literals; line breaks stay.
pub fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match literal_at(bytes, at) {
            Some(end) => end.min(bytes.len()),
            None => {
                at += word_length(bytes, at);
                continue;
            }
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).expect("only whole literals were blanked")
}

/// A whole word at once, so that the `r` at the end of one is not taken for the start of a raw string.
fn word_length(bytes: &[u8], at: usize) -> usize {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    bytes[at..].iter().take_while(|byte| is_word(byte)).count().max(1)
}

/// Where the comment or literal that begins here ends.
fn literal_at(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => Some(at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + block_comment(rest)),
        [b'"', ..] => Some(at + quoted(rest, 1)),
        [b'b' | b'c', b'"', ..] => Some(at + quoted(rest, 2)),
        [b'b', b'\'', ..] => Some(at + 1 + character(&rest[1..])?),
        [b'r', b'"' | b'#', ..] => raw(rest, 1).map(|length| at + length),
        [b'b' | b'c', b'r', b'"' | b'#', ..] => raw(rest, 2).map(|length| at + length),
        [b'\'', ..] => character(rest).map(|length| at + length),
        _ => None,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw(rest: &[u8], start: usize) -> Option<usize> {
    let hashes = rest[start..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(start + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = start + hashes + 1;
    let found = rest[body..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(rest.len(), |place| body + place + close.len()))
}

/// A character literal, as opposed to a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let close = rest[3..].iter().position(|byte| *byte == b'\'')?;
        return Some(3 + close + 1);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(9)]);
    let text = text.or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()])).ok()?;
    let length = text.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

/// Blanks what stands under `#[cfg(test)]` and `#[test]`: the item up to its closing brace or semicolon.
fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for attribute in ["#[cfg(test)]", "#[test]"] {
        let mut from = 0;
        while let Some(start) = code[from..].find(attribute).map(|place| from + place) {
            let end = item_end(code.as_bytes(), start + attribute.len());
            for byte in &mut out[start..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            from = end;
        }
    }
    String::from_utf8(out).expect("only whole items were blanked")
}

/// The end of the item that begins at or after an offset.
pub fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut brackets = 0usize;
    for (offset, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset + 1;
                }
            }
            b'[' | b'(' => brackets += 1,
            b']' | b')' => brackets = brackets.saturating_sub(1),
            b';' if depth == 0 && brackets == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}
