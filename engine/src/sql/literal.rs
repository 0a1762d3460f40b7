//! String literals (manual: "Lexical Structure", "String Constants").

/// Quotes a string so that it means the same whatever `standard_conforming_strings` says: with a backslash in it, the
/// escape form is used.
pub fn quote_literal(text: &str) -> String {
    let escapes = text.contains('\\');
    let mut quoted = String::with_capacity(text.len() + 3);
    quoted.push_str(if escapes { "E'" } else { "'" });
    for c in text.chars() {
        if c == '\'' || c == '\\' {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quote_literal;

    #[test]
    fn quotes_and_backslashes_are_doubled() {
        assert_eq!(quote_literal(""), "''");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b'c"), "E'a\\\\b''c'");
        assert_eq!(quote_literal("line\nü"), "'line\nü'");
    }
}
