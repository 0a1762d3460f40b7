//! Name patterns as psql and pg_dump take them (manual: psql, "Patterns"; pg_dump, options `-t` and `-n`).
//!
//! Unquoted letters fold to lower case; `*` is any text and `?` any character; a dot separates database, schema and name;
//! other regular expression syntax works, except that `$` is itself and `[]` stands for an array's brackets. Inside double
//! quotes everything is itself, and a doubled quote is one quote.

use regex::Regex;
use thiserror::Error;

/// A pattern that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// More dots than the name may have.
    #[error("improper qualified name (too many dotted names): {pattern}")]
    TooManyNames {
        /// The pattern as given.
        pattern: String,
    },
    /// The database part names another database.
    #[error("cross-database references are not possible: {pattern}")]
    OtherDatabase {
        /// The pattern as given.
        pattern: String,
    },
    /// No valid regular expression.
    #[error("pattern {pattern} is no valid regular expression")]
    Syntax {
        /// The pattern as given.
        pattern: String,
    },
}

/// A compiled pattern for names that may be qualified.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As given.
    pub text: String,
    schema: Option<Regex>,
    name: Regex,
}

impl Pattern {
    /// Compiles a pattern for relations: `[[database.]schema.]name`.
    pub fn relation(text: &str, database: &str) -> Result<Self, PatternError> {
        Self::compile(text, database, 3)
    }

    /// Compiles a pattern for schemas: `[database.]name`.
    pub fn schema(text: &str, database: &str) -> Result<Self, PatternError> {
        Self::compile(text, database, 2)
    }

    /// Compiles a pattern for names that cannot be qualified, such as extensions'.
    pub fn bare(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, "", 1)
    }

    fn compile(text: &str, database: &str, names: usize) -> Result<Self, PatternError> {
        let mut parts = translate(text);
        if parts.len() > names {
            return Err(PatternError::TooManyNames { pattern: text.to_owned() });
        }
        // A relation has a schema between its name and the database, a schema has not.
        let has_database = parts.len() == names && names > 1;
        if has_database && parts.remove(0).literal != database {
            return Err(PatternError::OtherDatabase { pattern: text.to_owned() });
        }
        let regex = |part: &Part| {
            let expression = format!("^(?:{})$", part.expression);
            let built = regex::RegexBuilder::new(&expression).dot_matches_new_line(true).build();
            built.map_err(|_| PatternError::Syntax { pattern: text.to_owned() })
        };
        let name = parts.pop().unwrap_or_default();
        let schema = parts.pop().map(|part| regex(&part)).transpose()?;
        Ok(Self { text: text.to_owned(), schema, name: regex(&name)? })
    }

    /// Whether the pattern says which schema it means.
    pub fn is_qualified(&self) -> bool {
        self.schema.is_some()
    }

    /// Whether a name matches; the schema is looked at only where the pattern has one.
    pub fn matches(&self, schema: &str, name: &str) -> bool {
        self.name.is_match(name) && self.schema.as_ref().is_none_or(|pattern| pattern.is_match(schema))
    }
}

/// One name of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// As a regular expression, not anchored.
    expression: String,
    /// With quotes resolved and letters folded, for the database's name, which is no pattern.
    literal: String,
}

/// Splits at dots and translates each name.
fn translate(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '.' && !quoted {
            parts.push(Part::default());
            continue;
        }
        let Some(part) = parts.last_mut() else { continue };
        if c == '"' {
            if quoted && chars.next_if_eq(&'"').is_some() {
                part.expression.push('"');
                part.literal.push('"');
            } else {
                quoted = !quoted;
            }
            continue;
        }
        if quoted {
            part.expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            part.literal.push(c);
            continue;
        }
        match c {
            '*' => part.expression.push_str(".*"),
            '?' => part.expression.push('.'),
            '$' => part.expression.push_str("\\$"),
            '[' if chars.next_if_eq(&']').is_some() => part.expression.push_str("\\[\\]"),
            _ => part.expression.extend(c.to_lowercase()),
        }
        part.literal.extend(c.to_lowercase());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pattern: &str, schema: &str, name: &str) -> bool {
        Pattern::relation(pattern, "db").is_ok_and(|pattern| pattern.matches(schema, name))
    }

    #[test]
    fn psql_rules() {
        for (pattern, schema, name, expected) in [
            ("users", "public", "users", true),
            ("USERS", "public", "users", true),
            ("users", "public", "Users", false),
            ("\"Users\"", "public", "Users", true),
            ("\"a\"\"b\"", "s", "a\"b", true),
            ("us*", "any", "users", true),
            ("us*", "any", "bus", false),
            ("u?ers", "any", "users", true),
            ("\"u*\"", "any", "users", false),
            ("\"u*\"", "any", "u*", true),
            ("\"a.b\"", "s", "a.b", true),
            ("a|b", "s", "b", true),
            ("a|b", "s", "ab", false),
            ("t[0-9]+", "s", "t42", true),
            ("cash$", "s", "cash$", true),
            ("t[]", "s", "t[]", true),
            ("public.*", "public", "x", true),
            ("public.*", "publicity", "x", false),
            ("p*.x", "publicity", "x", true),
            ("db.s.t", "s", "t", true),
            ("DB.s.t", "s", "t", true),
            ("*", "s", "two\nlines", true),
            ("GRÖSSE", "s", "grösse", true),
        ] {
            assert_eq!(hits(pattern, schema, name), expected, "{pattern} on {schema}.{name}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let other = Pattern::relation("elsewhere.s.t", "db").err();
        assert_eq!(other, Some(PatternError::OtherDatabase { pattern: "elsewhere.s.t".into() }));
        let many = Pattern::schema("a.b.c", "db").err();
        assert_eq!(many, Some(PatternError::TooManyNames { pattern: "a.b.c".into() }));
        assert!(matches!(Pattern::bare("(").err(), Some(PatternError::Syntax { .. })));
        assert!(matches!(Pattern::bare("a.b").err(), Some(PatternError::TooManyNames { .. })));
        assert!(Pattern::schema("db.s", "db").is_ok());
    }
}
