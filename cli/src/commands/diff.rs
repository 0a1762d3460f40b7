//! `pgfreight diff`.

use std::fmt::Write;

use pgfreight_engine::connect::ConnectOptions;
use pgfreight_engine::ddl::difference::{Change, Difference};
use pgfreight_engine::run::diff::{self, DataDifference, DiffReport, Party, Status, Value};
use pgfreight_engine::run::options::{DiffOptions, Surroundings};
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::source::lane::LaneOptions;
use pgfreight_engine::{Error, Kind};
use similar::{ChangeTag, TextDiff};

use super::{Failure, Session, losses_text};
use crate::args::diff::DiffArgs;
use crate::args::merge::Layers;
use crate::args::resolve::{self, Side};
use crate::exit::Exit;
use crate::report::text;
use crate::secrets;

/// Lines shown around a changed one.
const AROUND: usize = 2;

pub(super) async fn run(args: &DiffArgs, session: &Session<'_>, layers: &mut Layers<'_>) -> Result<Exit, Failure> {
    let live = args.connection.is_given();
    match (live, &args.dump, &args.other) {
        (true, _, Some(_)) => {
            return Err(usage("two dumps and a live database were named", "Name one dump with -d, or two without."));
        }
        (false, _, None) => {
            return Err(usage("there is nothing to compare with", "Name two dumps, or a database with -d."));
        }
        _ => {}
    }
    let store = resolve::store(layers, &args.repo)?;
    let sources = resolve::identity_sources(layers, &args.identity)?;
    let options = resolve::diff_options(layers, args)?;
    let database = if live { Some(resolve::connection(layers, &args.connection, None, Side::Source)?) } else { None };
    if session.explains(layers)? {
        return Ok(Exit::Ok);
    }
    let identities = secrets::identities(&sources.files, &sources.passphrase)?;
    let access = Access::open(&store, &identities, args.identity.allow_unsigned).await?;
    let names = (args.dump.as_deref().unwrap_or("latest"), args.other.as_deref());
    let running = session.reporter.run(&session.stop);
    let outcome = compare(&access, names, database, &options, &running.around).await;
    running.end();
    let report = outcome?;
    let exit = match (report.differs(), report.is_complete()) {
        (true, _) => Exit::Differs,
        (false, true) => Exit::Ok,
        (false, false) => Exit::Losses,
    };
    session.reporter.answer("diff", exit, &report, &told(&report))?;
    Ok(exit)
}

fn usage(what: &str, hint: &str) -> Failure {
    Error::new(Kind::Usage, what).hint(hint).into()
}

async fn compare(
    access: &Access,
    (dump, other): (&str, Option<&str>),
    database: Option<ConnectOptions>,
    options: &DiffOptions,
    around: &Surroundings,
) -> Result<DiffReport, Error> {
    let first = access.find(dump).await?;
    if let Some(connect) = database {
        let lane = LaneOptions { connect, role: None, row_security: false };
        return diff::database(&first, &lane, options, around).await;
    }
    diff::dumps(&first, &access.find(other.unwrap_or("latest")).await?, options)
}

fn told(report: &DiffReport) -> String {
    let mut out = String::new();
    let party = |party: &Party| format!("{} {} (PostgreSQL {})", party.kind, party.name, party.server);
    let _ = writeln!(out, "- {}\n+ {}", party(&report.first), party(&report.second));
    for note in &report.notes {
        let _ = writeln!(out, "{note}");
    }
    for difference in &report.schema {
        out.push_str(&object(difference));
    }
    for difference in &report.data {
        let _ = writeln!(out, "{}", data(difference));
    }
    for sentence in &report.incomplete {
        let _ = writeln!(out, "? {sentence}");
    }
    out.push_str(&losses_text(&report.losses));
    let _ = writeln!(out, "{}", closing(report));
    out
}

/// One object; what differs in its statements, if both sides have some that may be shown.
fn object(difference: &Difference) -> String {
    let sign = match difference.change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    };
    let mut out = format!("{sign} {} {}", difference.kind, qualified(difference.schema.as_deref(), &difference.name));
    if difference.change != Change::Changed {
        out.push('\n');
        return out;
    }
    out.push_str(if difference.secret { " (holds a secret: not shown)\n" } else { "\n" });
    if !difference.secret {
        let [before, after] = [&difference.before, &difference.after].map(|text| text.as_deref().unwrap_or_default());
        out.push_str(&lines(before, after));
    }
    out
}

/// Names are one line, whatever is in them.
fn qualified(schema: Option<&str>, name: &str) -> String {
    let schema = schema.filter(|schema| !schema.is_empty()).map_or_else(String::new, |schema| format!("{schema}."));
    format!("{schema}{name}").replace(['\n', '\r'], " ")
}

/// The lines that differ, with a few around them.
fn lines(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut out = String::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            out.push_str("      …\n");
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let _ = writeln!(out, "    {sign} {}", change.value().trim_end_matches(['\n', '\r']));
        }
    }
    out
}

/// One table's rows, a sequence's position, or a materialized view's contents.
fn data(difference: &DataDifference) -> String {
    let sign = match difference.status {
        Status::Added => '+',
        Status::Removed => '-',
        Status::Changed => '~',
        Status::NotComparable => '?',
    };
    let name = qualified(Some(&difference.schema), &difference.name);
    let head = format!("{sign} {} of {name}", difference.kind);
    let reason = difference.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    match (difference.before.map(value), difference.after.map(value)) {
        (Some(before), Some(after)) if before == after && difference.status == Status::Changed => {
            format!("{head}: {before} on both sides, and not the same{reason}")
        }
        (Some(before), Some(after)) if before == after => format!("{head}: {before}, not comparable{reason}"),
        (Some(before), Some(after)) if difference.status == Status::NotComparable => {
            format!("{head}: {before}, {after}, not comparable{reason}")
        }
        (Some(before), Some(after)) => format!("{head}: {before}, {after}{reason}"),
        (Some(only), None) | (None, Some(only)) => format!("{head}: {only}{reason}"),
        (None, None) => format!("{head}{reason}"),
    }
}

fn value(value: Value) -> String {
    match value {
        Value::Rows { rows: Some(rows), .. } => text::plural(rows, "row"),
        Value::Rows { rows: None, .. } => "not counted".to_owned(),
        Value::Position(position) if position.is_called => position.last_value.to_string(),
        Value::Position(position) => format!("{} to come", position.last_value),
        Value::Contents { filled: true } => "filled".to_owned(),
        Value::Contents { filled: false } => "not filled".to_owned(),
    }
}

fn closing(report: &DiffReport) -> String {
    let of = |change| report.schema.iter().filter(|difference| difference.change == change).count();
    let with = |status| report.data.iter().filter(|difference| difference.status == status).count();
    let counts = [
        (of(Change::Added) + with(Status::Added), "added"),
        (of(Change::Removed) + with(Status::Removed), "removed"),
        (of(Change::Changed) + with(Status::Changed), "changed"),
        (with(Status::NotComparable) + report.incomplete.len(), "not comparable"),
    ];
    let seen = format!("{} and {}", text::plural(report.objects, "object"), text::plural(report.tables, "table"));
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let verdict = match (report.differs(), report.is_complete()) {
        (true, _) => "different",
        (false, true) => "equal",
        (false, false) => "no difference found",
    };
    let told = if told.is_empty() { String::new() } else { format!("; {}", told.join(", ")) };
    format!("{verdict}: {seen} compared{told}")
}

#[cfg(test)]
mod tests {
    use pgfreight_engine::catalog::sequence::Position;
    use pgfreight_engine::format::contents::Fingerprint;

    use super::*;

    fn changed(before: &str, after: &str) -> Difference {
        Difference {
            change: Change::Changed,
            kind: "TABLE".into(),
            schema: Some("s".into()),
            name: "a\nb".into(),
            secret: false,
            before: Some(before.into()),
            after: Some(after.into()),
        }
    }

    #[test]
    fn an_object_is_told_with_the_lines_that_differ() {
        let before = "CREATE TABLE s.t (\n    a integer,\n    b text,\n    c text,\n    d text\n);\n";
        let after = before.replace("a integer", "a bigint") + "COMMENT ON TABLE s.t IS 'x';\n";
        let expected = "~ TABLE s.a b\n      CREATE TABLE s.t (\n    -     a integer,\n    +     a bigint,\n\
                        \u{20}         b text,\n          c text,\n          d text\n      );\n\
                        \u{20}   + COMMENT ON TABLE s.t IS 'x';\n";
        assert_eq!(object(&changed(before, &after)), expected);
        let far = (1..20).map(|line| format!("{line}\n")).collect::<String>();
        let told = lines(&far, &far.replacen("1\n", "one\n", 1).replace("19\n", "nineteen\n"));
        assert!(told.contains("      …\n") && !told.contains("10"), "{told}");
        let secret = Difference { secret: true, before: None, after: None, ..changed("", "") };
        assert_eq!(object(&secret), "~ TABLE s.a b (holds a secret: not shown)\n");
        let added = Difference { change: Change::Added, before: None, ..changed("", "CREATE …") };
        assert_eq!(object(&added), "+ TABLE s.a b\n");
    }

    #[test]
    fn data_is_told_in_a_line() {
        let rows = |rows| Some(Value::Rows { rows, fingerprint: rows.map(|rows| Fingerprint(rows.into())) });
        let of = |status, kind, before, after| DataDifference {
            status,
            kind,
            schema: "s".into(),
            name: "t".into(),
            before,
            after,
            reason: (status == Status::NotComparable).then(|| "copied as text and as binary".to_owned()),
        };
        let position = |last_value| Some(Value::Position(Position { last_value, is_called: last_value > 1 }));
        let cases = [
            (of(Status::Changed, "rows", rows(Some(10)), rows(Some(1))), "~ rows of s.t: 10 rows, 1 row"),
            (
                of(Status::Changed, "rows", rows(Some(10)), rows(Some(10))),
                "~ rows of s.t: 10 rows on both sides, and not the same",
            ),
            (of(Status::Added, "rows", None, rows(None)), "+ rows of s.t: not counted"),
            (of(Status::Removed, "rows", rows(Some(2)), None), "- rows of s.t: 2 rows"),
            (
                of(Status::NotComparable, "rows", rows(Some(2)), rows(Some(2))),
                "? rows of s.t: 2 rows, not comparable (copied as text and as binary)",
            ),
            (of(Status::Changed, "position", position(1), position(7)), "~ position of s.t: 1 to come, 7"),
        ];
        for (difference, expected) in cases {
            assert_eq!(data(&difference), expected);
        }
    }
}
