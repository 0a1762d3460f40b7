//! What servers of two majors say of the same schema, made alike: the newer one knows names and spells queries in a way
//! the older one cannot, and neither is a difference between their schemas.

use crate::catalog::features::{Feature, Features};
use crate::catalog::typ::Type;
use crate::catalog::{Body, Catalog};

/// Takes away what a server with the features of `older` does not know of the same schema: names of NOT NULL
/// constraints (17 for domains, 18 for columns), whether a child declares again what its parent demands, and the
/// privilege MAINTAIN (17), because ALL and what every owner has contain it there.
pub(super) fn level(catalog: &mut Catalog, older: Features) {
    let (columns, domains) = (Feature::NotNullConstraints, Feature::DomainNotNullConstraints);
    for object in &mut catalog.objects {
        if let Some(acl) = object.acl.as_mut().filter(|_| !older.has(Feature::MaintainPrivilege)) {
            acl.current.retain(|item| item.privilege != "MAINTAIN");
            acl.initial.retain(|item| item.privilege != "MAINTAIN");
        }
        match &mut object.body {
            Body::Table(table) if !older.has(columns) => {
                for not_null in table.columns.iter_mut().filter_map(|column| column.not_null.as_mut()) {
                    not_null.name = None;
                    not_null.local = !not_null.inherited;
                }
            }
            Body::Type(Type::Domain(domain)) if !older.has(domains) => {
                if let Some(not_null) = &mut domain.not_null {
                    not_null.name = None;
                }
            }
            _ => {}
        }
    }
}

/// Whether two texts of one view are the same query, deparsed by servers with these features.
pub(super) fn same_query((one, text): (Features, &str), (other, other_text): (Features, &str)) -> bool {
    let short = Feature::ShortViewColumns;
    match (one.has(short), other.has(short)) {
        (true, false) => is_shortened(other_text, text),
        (false, true) => is_shortened(text, other_text),
        _ => false,
    }
}

/// Whether `short` is `long` without the name of its only table in front of columns. Names of relations, functions and
/// types are qualified in both: those qualifiers may not be missing.
fn is_shortened(long: &str, short: &str) -> bool {
    let (long, short) = (tokens(long), tokens(short));
    let (mut at, mut beside, mut table) = (0, 0, None);
    while let Some(token) = long.get(at) {
        let is_column = short.get(beside + 1).is_none_or(|next| !matches!(*next, "." | "("))
            && at.checked_sub(1).is_none_or(|before| !matches!(long[before], "FROM" | "JOIN" | ":" | "COLLATE"));
        if is_name(token) && is_column && long.get(at + 1) == Some(&".") && long.get(at + 2) == short.get(beside) {
            if *table.get_or_insert(*token) != *token {
                return false;
            }
            at += 2;
        } else if short.get(beside) != Some(token) {
            return false;
        }
        at += 1;
        beside += 1;
    }
    // The table's name stands behind FROM by itself; a schema's never does.
    let stands = |table| (0..short.len()).any(|at| short[at] == table && short.get(at + 1) != Some(&"."));
    beside == short.len() && table.is_none_or(stands)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c == '"' || c == '_' || c.is_alphabetic())
}

/// SQL as the server deparses it (no comments, no dollar quotes) in words, quoted things and single characters.
fn tokens(mut sql: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    loop {
        sql = sql.trim_start();
        let Some(first) = sql.chars().next() else { return tokens };
        let length = match first {
            '"' => quoted(sql, '"', false),
            '\'' => quoted(sql, '\'', false),
            'E' if sql[1..].starts_with('\'') => 1 + quoted(&sql[1..], '\'', true),
            c if c == '_' || c.is_alphanumeric() => {
                sql.find(|c: char| c != '_' && c != '$' && !c.is_alphanumeric()).unwrap_or(sql.len())
            }
            c => c.len_utf8(),
        };
        let (token, rest) = sql.split_at(length);
        tokens.push(token);
        sql = rest;
    }
}

/// Length of what stands in quotes, these included; a quote is doubled or, where backslashes escape, behind one.
fn quoted(sql: &str, quote: char, escapes: bool) -> usize {
    let mut rest = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        if escapes && c == '\\' || c == quote && rest.peek().is_some_and(|(_, next)| *next == quote) {
            rest.next();
        } else if c == quote {
            return at + 1;
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_may_be_left_out_and_nothing_else() {
        let long = "SELECT t.a,\n    t.t,\n    lower(t.\"B c\") AS lower\n   FROM s.t\n  WHERE t.b = 'it''s t.a'::text";
        let short = "SELECT a,\n    t,\n    lower(\"B c\") AS lower\n   FROM s.t\n  WHERE b = 'it''s t.a'::text";
        assert!(is_shortened(long, short));
        assert!(is_shortened(long, long) && is_shortened(short, short));
        assert!(!is_shortened(short, long));
        for (was, is) in [("a,", "z,"), ("s.t", "t"), ("it''s t.a", "it''s a"), ("WHERE", ""), ("text", "text AND a")] {
            let other = short.replacen(was, is, 1);
            assert!(!is_shortened(long, &other), "{other}");
        }
        assert!(is_shortened("SELECT t.t FROM t.t", "SELECT t FROM t.t"));
        for (long, short) in [
            ("SELECT s.f(t.a) FROM s.t", "SELECT f(a) FROM s.t"),
            ("SELECT t.a::s.d FROM s.t", "SELECT a::d FROM s.t"),
            ("SELECT t.a FROM t.t", "SELECT a FROM t"),
            ("SELECT s.a FROM x, s.b", "SELECT a FROM x, b"),
            ("SELECT t.a, u.b FROM t", "SELECT a, b FROM t"),
        ] {
            assert!(!is_shortened(long, short), "{long}");
        }
    }

    #[test]
    fn tokens_end_where_their_quotes_end() {
        let sql = r#"E'a\'b' "q""u"'x''y'||z1.5$"#;
        assert_eq!(tokens(sql), [r"E'a\'b'", r#""q""u""#, "'x''y'", "|", "|", "z1", ".", "5$"]);
        assert_eq!(tokens("'open"), ["'open"]);
    }
}
