//! A room of the engine imports only from floors below its own.
//!
//! The floors stand in one place, the table in `engine/src/lib.rs`; here stand the exceptions, each with its reason.

use std::collections::BTreeMap;

use super::Finding;
use super::source::{Source, line_of};

/// Rooms that may look sideways, or once upwards.
const EXCEPTIONS: [(&str, &str, &str); 13] = [
    ("error", "ids", "an error names what it is about"),
    ("event", "ids", "news is about things with ids"),
    ("event", "error", "a retried failure is news"),
    ("limits", "ids", "sizes are newtypes"),
    ("catalog", "sql", "the model holds qualified names"),
    ("format", "catalog", "the private half carries facts of the model"),
    ("format", "ddl", "the private half carries the TOC's entries"),
    ("plan", "ddl", "a schedule orders the TOC's entries"),
    ("keys", "seal", "a bundle is sealed like everything else"),
    ("source", "connect", "reading begins with a session"),
    ("introspect", "connect", "catalog queries run in a session"),
    ("introspect", "source", "catalog queries run under the exported snapshot"),
    ("target", "connect", "writing begins with a session"),
];

pub fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let Some(map) = sources.iter().find(|source| source.path() == "engine/src/lib.rs") else { return };
    let floors = floors(map.text());
    for (offset, room) in declared_rooms(map.code()) {
        if !floors.contains_key(room) {
            let line = line_of(map.code(), offset);
            findings.push(Finding::new(map.path(), line, format!("the room `{room}` has no floor in the table above")));
        }
    }
    for source in sources {
        let Some(room) = room_of(source.path()) else { continue };
        let Some(floor) = floors.get(room) else { continue };
        for (offset, other) in imports(source.product()) {
            let Some(other_floor) = floors.get(other.as_str()) else { continue };
            let allowed = EXCEPTIONS.iter().any(|(from, to, _)| *from == room && *to == other);
            if other != room && other_floor >= floor && !allowed && !source.is_test() {
                let text = format!("`{room}` (floor {floor}) must not import `{other}` (floor {other_floor})");
                findings.push(Finding::new(source.path(), line_of(source.product(), offset), text));
            }
        }
    }
}

/// Rows `//! | 1 | [`sql`] [`catalog`] |` of the map.
fn floors(map: &str) -> BTreeMap<&str, u32> {
    let mut floors = BTreeMap::new();
    for line in map.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let Some((floor, rooms)) = line.split_once('|') else { continue };
        let Ok(floor) = floor.trim().parse() else { continue };
        for room in rooms.split("[`").skip(1).filter_map(|rest| rest.split('`').next()) {
            floors.insert(room, floor);
        }
    }
    floors
}

fn declared_rooms(code: &str) -> Vec<(usize, &str)> {
    let declarations = code.match_indices("mod ");
    let name = |(offset, _): (usize, &str)| Some((offset, code[offset + 4..].split(';').next()?.trim()));
    declarations
        .filter_map(name)
        .filter(|(_, name)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

/// `engine/src/sql/ident.rs` and `engine/src/ids.rs` lie in the rooms `sql` and `ids`.
fn room_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix("engine/src/")?;
    let room = below.split('/').next()?;
    Some(room.strip_suffix(".rs").unwrap_or(room)).filter(|room| *room != "lib")
}

/// The rooms named after `crate::`, singly or in braces.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut rooms = Vec::new();
    for (offset, prefix) in code.match_indices("crate::") {
        if code[..offset].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[offset + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            rooms.extend(heads(group).into_iter().map(|head| (offset, head)));
        } else {
            rooms.push((offset, word(rest)));
        }
    }
    rooms
}

/// The first word of every item of a brace group.
fn heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.push(word(group[start..at].trim_start()));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}
