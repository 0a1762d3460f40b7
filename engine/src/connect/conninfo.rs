//! `key=value` connection strings (manual: "Keyword/Value Connection Strings").
//!
//! Values may be secrets and a forgotten quote makes anything look like a key, so errors name positions and keys
//! that stand before a `=`, never other text.

use super::keywords;

/// Why a connection string cannot be meant.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// A word without `=`.
    #[error("\"=\" is missing after the word at character {0} of the connection string")]
    NoEquals(usize),
    /// A quote that never ends.
    #[error("the value of \"{0}\" begins with a quote that is never closed")]
    OpenQuote(String),
    /// A parameter libpq does not have.
    #[error("unknown connection parameter \"{0}\"")]
    Unknown(String),
    /// `%` without two hexadecimal digits, `%00`, or bytes that are not UTF-8.
    #[error("invalid percent-encoding in the {0} of the connection URI")]
    Percent(&'static str),
    /// A bracket without its partner, or something after it.
    #[error("the bracketed host address in the connection URI is not closed or not followed by \":\", \"/\" or \"?\"")]
    Bracket,
    /// A query parameter without `=` or with two.
    #[error("query parameter {0} of the connection URI is not one key and one value")]
    Parameter(usize),
    /// Another scheme than PostgreSQL's.
    #[error("\"{0}://\" is not a PostgreSQL connection URI")]
    Scheme(String),
}

/// Parses a `key=value` string; of repeated keys the last counts.
pub(super) fn parse(text: &str) -> Result<Vec<(&'static str, String)>, SyntaxError> {
    let mut settings = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = skip_space(&chars, 0);
    while at < chars.len() {
        let start = at;
        while at < chars.len() && chars[at] != '=' && !chars[at].is_whitespace() {
            at += 1;
        }
        let key: String = chars[start..at].iter().collect();
        at = skip_space(&chars, at);
        if chars.get(at) != Some(&'=') || key.is_empty() {
            return Err(SyntaxError::NoEquals(start + 1));
        }
        let keyword = keywords::find(&key).ok_or(SyntaxError::Unknown(key))?;
        at = skip_space(&chars, at + 1);
        let (value, end) = value(&chars, at).ok_or_else(|| SyntaxError::OpenQuote(keyword.name.to_owned()))?;
        settings.push((keyword.name, value));
        at = skip_space(&chars, end);
    }
    Ok(settings)
}

fn skip_space(chars: &[char], mut at: usize) -> usize {
    while chars.get(at).is_some_and(|c| c.is_whitespace()) {
        at += 1;
    }
    at
}

/// Reads one value, quoted or bare, with backslash escapes; gives it and where it ends.
fn value(chars: &[char], mut at: usize) -> Option<(String, usize)> {
    let quoted = chars.get(at) == Some(&'\'');
    if quoted {
        at += 1;
    }
    let mut value = String::new();
    loop {
        match chars.get(at) {
            None if quoted => return None,
            None => return Some((value, at)),
            Some('\'') if quoted => return Some((value, at + 1)),
            Some(c) if !quoted && c.is_whitespace() => return Some((value, at)),
            Some('\\') => {
                at += 1;
                match chars.get(at) {
                    Some(c) => value.push(*c),
                    None if quoted => return None,
                    None => return Some((value, at)),
                }
            }
            Some(c) => value.push(*c),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Vec<(&'static str, String)> {
        parse(text).unwrap()
    }

    fn pairs(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        list.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    #[test]
    fn plain_quoted_and_escaped_values() {
        assert_eq!(ok(""), []);
        assert_eq!(ok("  "), []);
        assert_eq!(ok("host=a port=5 "), pairs(&[("host", "a"), ("port", "5")]));
        assert_eq!(ok(" host = a\tport\n=\n5"), pairs(&[("host", "a"), ("port", "5")]));
        assert_eq!(ok("password='a b' user=u"), pairs(&[("password", "a b"), ("user", "u")]));
        assert_eq!(ok(r"password='it\'s \\ x'"), pairs(&[("password", r"it's \ x")]));
        assert_eq!(ok(r"password=a\ b\'"), pairs(&[("password", "a b'")]));
        assert_eq!(ok("password='' user="), pairs(&[("password", ""), ("user", "")]));
        assert_eq!(ok("options='-c geqo=off' dbname=x=y"), pairs(&[("options", "-c geqo=off"), ("dbname", "x=y")]));
        assert_eq!(ok("host=a host=b"), pairs(&[("host", "a"), ("host", "b")]));
        assert_eq!(ok(r"password=a\"), pairs(&[("password", "a")]));
    }

    #[test]
    fn errors_name_keys_but_never_what_may_be_a_secret() {
        assert_eq!(parse("hostt=a"), Err(SyntaxError::Unknown("hostt".into())));
        assert_eq!(parse("password=my secret"), Err(SyntaxError::NoEquals(13)));
        assert_eq!(parse("password='secret"), Err(SyntaxError::OpenQuote("password".into())));
        assert_eq!(parse(r"password='secret\"), Err(SyntaxError::OpenQuote("password".into())));
        assert_eq!(parse("password='it''"), Err(SyntaxError::NoEquals(14)));
        assert_eq!(parse("=a"), Err(SyntaxError::NoEquals(1)));
        for bad in ["password=my secret", "password='secret", "password='it' secret"] {
            assert!(!parse(bad).unwrap_err().to_string().contains("secret"));
        }
    }
}
