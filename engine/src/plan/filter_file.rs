//! The filter file of pg_dump 17 (manual: pg_dump, option `--filter`): one rule per line,
//! `{include|exclude} OBJECT_TYPE PATTERN`; `#` begins a comment, patterns may be quoted and then span lines.

use thiserror::Error;

use super::select::Filters;

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid filter rule on line {line}: {problem}")]
pub struct FilterFileError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Adds the rules of a filter file to filters.
pub fn read(text: &str, filters: &mut Filters) -> Result<(), FilterFileError> {
    let mut reader = Reader { rest: text, line: 1 };
    while let Some((line, verb, object, pattern)) = reader.rule()? {
        add(filters, (&verb, &object), pattern).map_err(|problem| FilterFileError { line, problem })?;
    }
    Ok(())
}

fn add(filters: &mut Filters, rule: (&str, &str), pattern: String) -> Result<(), String> {
    let list = match rule {
        ("include", "table") => &mut filters.tables,
        ("include", "table_and_children") => &mut filters.tables_and_children,
        ("include", "schema") => &mut filters.schemas,
        ("include", "extension") => &mut filters.extensions,
        ("include", "foreign_data") => &mut filters.foreign_data,
        ("exclude", "table") => &mut filters.exclude_tables,
        ("exclude", "table_and_children") => &mut filters.exclude_tables_and_children,
        ("exclude", "table_data") => &mut filters.exclude_table_data,
        ("exclude", "table_data_and_children") => &mut filters.exclude_table_data_and_children,
        ("exclude", "schema") => &mut filters.exclude_schemas,
        ("exclude", "extension") => &mut filters.exclude_extensions,
        ("include" | "exclude", object) => return Err(format!("\"{}\" is not possible for \"{object}\"", rule.0)),
        (verb, _) => return Err(format!("\"{verb}\" is neither \"include\" nor \"exclude\"")),
    };
    list.push(pattern);
    Ok(())
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

type Rule = (usize, String, String, String);

impl Reader<'_> {
    fn rule(&mut self) -> Result<Option<Rule>, FilterFileError> {
        loop {
            self.blanks();
            match self.rest.chars().next() {
                None => return Ok(None),
                Some('\n') => self.take(1),
                Some('#') => self.comment(),
                Some(_) => break,
            }
        }
        let line = self.line;
        let fail = |problem: &str| FilterFileError { line, problem: problem.to_owned() };
        let verb = self.word();
        self.blanks();
        let object = self.word();
        if object.is_empty() {
            return Err(fail("missing object type"));
        }
        self.blanks();
        let pattern = self.pattern().ok_or_else(|| fail("a quote is not closed"))?;
        if pattern.is_empty() {
            return Err(fail("missing pattern"));
        }
        Ok(Some((line, verb, object, pattern)))
    }

    fn take(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }

    fn blanks(&mut self) {
        let end = self.rest.find(|c: char| c == '\n' || !c.is_whitespace()).unwrap_or(self.rest.len());
        self.take(end);
    }

    fn comment(&mut self) {
        self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.take(end);
        word
    }

    /// Up to the end of the line or a comment outside quotes, trimmed. `None` if a quote stays open.
    fn pattern(&mut self) -> Option<String> {
        let mut quoted = false;
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '\n' | '#' if !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let pattern = self.rest[..end].trim().to_owned();
        self.take(end);
        self.comment_to_line_end();
        (!quoted).then_some(pattern)
    }

    fn comment_to_line_end(&mut self) {
        if self.rest.starts_with('#') {
            self.comment();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_comments_and_quotes() {
        let text = "# what we want\ninclude table  public.users # trailing\n\n  exclude table_data \"odd\n name#\"\n\
                    include table_and_children p*\r\nexclude schema tmp";
        let mut filters = Filters::default();
        assert_eq!(read(text, &mut filters), Ok(()));
        assert_eq!(filters.tables, ["public.users"]);
        assert_eq!(filters.exclude_table_data, ["\"odd\n name#\""]);
        assert_eq!(filters.tables_and_children, ["p*"]);
        assert_eq!(filters.exclude_schemas, ["tmp"]);
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| read(text, &mut Filters::default()).map_err(|error| (error.line, error.problem));
        assert_eq!(error("include table"), Err((1, "missing pattern".into())));
        assert_eq!(error("\ninclude"), Err((2, "missing object type".into())));
        assert_eq!(error("#\n\nomit table x"), Err((3, "\"omit\" is neither \"include\" nor \"exclude\"".into())));
        assert_eq!(error("include table_data x"), Err((1, "\"include\" is not possible for \"table_data\"".into())));
        assert_eq!(error("include table \"x"), Err((1, "a quote is not closed".into())));
    }
}
