//! JSON lines: one object per line, each with the version of this interface and the time (docs/OPERATIONS.md).

use std::io::{self, Write};

use chrono::{SecondsFormat, Utc};
use pgfreight_engine::event::{Event, Observer};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Version of the events: raised when one changes its meaning or goes away; additions do not raise it.
pub const VERSION: u32 = 1;

/// Writes a line made of `value`'s fields, with version and time in front.
pub fn line(value: &impl Serialize) -> io::Result<()> {
    let mut fields = Map::new();
    fields.insert("v".to_owned(), json!(VERSION));
    fields.insert("time".to_owned(), json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)));
    match serde_json::to_value(value)? {
        Value::Object(own) => fields.extend(own),
        other => {
            fields.insert("value".to_owned(), other);
        }
    }
    let mut text = serde_json::to_string(&fields)?;
    text.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A result: the report's fields after `event` and `verb`.
pub fn result(verb: &str, exit_code: u8, report: &impl Serialize) -> io::Result<()> {
    line(&json!({ "event": "result", "verb": verb, "exit_code": exit_code, "report": report }))
}

/// Writes every event as it comes.
#[derive(Debug, Default)]
pub struct JsonObserver;

impl Observer for JsonObserver {
    fn event(&self, event: &Event) {
        // A reader that went away is noticed when the result is written; the run itself is worth finishing.
        let _ = line(event);
    }
}
