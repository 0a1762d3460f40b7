//! Configuration parameters (`proconfig`, `pg_db_role_setting`): `SET` clauses.

use crate::sql::{quote_ident, quote_literal};

/// Parameters whose value is a list of names and is stored quoted as such: as one literal it would be one name.
/// (`GUC_LIST_QUOTE`; the server refuses to let extensions define such.)
const LISTS: [&str; 7] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
    "restrict_nonsystem_relation_kind",
];

/// A parameter's name as SQL text. Those of extensions have a dot, which is none of the name's.
pub(super) fn name(parameter: &str) -> String {
    parameter.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
}

/// `name TO value`, ready to stand behind SET.
pub(super) fn assignment(parameter: &str, value: &str) -> String {
    let lower = parameter.to_ascii_lowercase();
    let name = name(parameter);
    let is_list = LISTS.contains(&lower.as_str());
    match is_list.then(|| split_names(value)).flatten() {
        Some(names) if names.is_empty() => format!("{name} TO ''"),
        Some(names) => {
            format!("{name} TO {}", names.iter().map(|name| quote_literal(name)).collect::<Vec<_>>().join(", "))
        }
        None => format!("{name} TO {}", quote_literal(value)),
    }
}

/// Splits a list of names as stored: commas, blanks, double quotes. `None` if it is not well-formed.
fn split_names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, after) = if let Some(quoted) = rest.strip_prefix('"') { quoted_name(quoted)? } else { bare(rest)? };
        names.push(name);
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(names);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// Up to the closing quote; doubled quotes stand for one.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (head, tail) = rest.split_once('"')?;
        name.push_str(head);
        rest = match tail.strip_prefix('"') {
            Some(more) => more,
            None => return Some((name, tail)),
        };
        name.push('"');
    }
}

fn bare(text: &str) -> Option<(String, &str)> {
    let end = text.find([',', ' ', '\t', '\n']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_become_lists_of_literals() {
        for (parameter, value, expected) in [
            ("work_mem", "5MB", "work_mem TO '5MB'"),
            ("search_path", "", "search_path TO ''"),
            ("search_path", "\"\"", "search_path TO ''"),
            ("search_path", "torture, \"we\"\"ird, x\", \"$user\"", "search_path TO 'torture', 'we\"ird, x', '$user'"),
            ("temp_tablespaces", "a,b", "temp_tablespaces TO 'a', 'b'"),
            ("torture.quote", "it's \\", "torture.quote TO E'it''s \\\\'"),
            ("DateStyle", "iso, dmy", "\"DateStyle\" TO 'iso, dmy'"),
            ("search_path", "\"open", "search_path TO '\"open'"),
        ] {
            assert_eq!(assignment(parameter, value), expected);
        }
    }
}
