//! Entries fitted to a target: their statements, and what is lost of them whatever the server says.
//!
//! Within an entry the creation is vital: without it the whole entry is lost; an owner or a grant that cannot be set loses only
//! itself.

use std::fmt;

use super::copy_progress::Entered;
use super::facts::Known;
use super::progress;
use super::refusal::{advice, ends_the_run, head, reason, remedy};
use crate::connect::{self, Lane, ServerError};
use crate::ddl::two_steps::TwoSteps;
use crate::ddl::{Entry, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::sql::{quote_ident, quote_literal};

/// Something that could not be carried.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lost {
    /// Class, e.g. `INDEX`.
    pub class: String,
    /// Qualified name.
    pub name: String,
    /// Why; no row values.
    pub reason: String,
}

/// How entries are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// `--no-owner`.
    pub no_owner: bool,
    /// `--no-tablespaces`.
    pub no_tablespaces: bool,
    /// `--exit-on-error`.
    pub exit_on_error: bool,
    /// Which attempt of a copy this is; its entries are written down with what they are.
    pub attempt: Option<u64>,
}

/// An entry ready to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// Its number; it is written down under it.
    pub id: u32,
    /// Class for messages.
    pub class: String,
    /// Qualified name for messages.
    pub name: String,
    schema: Option<String>,
    tablespace: Option<String>,
    pub(super) statements: Vec<Statement>,
    pub(super) lost: Vec<Lost>,
    secret: bool,
    pub(super) entered: Option<(u64, Entered)>,
    /// It is the first of two steps, and this takes it back.
    pub(super) undo: Option<String>,
}

/// `Debug` hides the text: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    /// Without it the entry is nothing.
    pub(super) vital: bool,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("vital", &self.vital).finish_non_exhaustive()
    }
}

/// Qualified name of an entry's object for people.
pub fn display_name(entry: &Entry) -> String {
    match &entry.schema {
        Some(schema) => format!("{schema}.{}", entry.name),
        None => entry.name.clone(),
    }
}

impl Prepared {
    /// Fits an entry to the target: what refers to names the target does not have is left out by name.
    pub fn new(entry: &Entry, rules: Rules, known: &Known) -> Self {
        let mut prepared = Self {
            id: entry.id,
            class: entry.desc.clone(),
            name: display_name(entry),
            schema: entry.schema.clone(),
            tablespace: None,
            statements: Vec::new(),
            lost: Vec::new(),
            secret: entry.secret,
            entered: rules.attempt.map(|attempt| (attempt, Entered::of(entry))),
            undo: None,
        };
        let losses = entry.losses.iter().map(|reason| prepared.lose(&entry.desc, reason.clone()));
        prepared.lost = losses.collect();
        prepared.add_placement(entry, rules, known);
        prepared.take_over(entry, known);
        prepared.add_owner(entry, rules, known);
        prepared
    }

    /// Built by one process: where every core has work already, parallel workers only cost what starting them, and merging what
    /// they sorted, comes to. Manual: "Resource Consumption", `max_parallel_maintenance_workers`.
    pub fn without_workers(mut self) -> Self {
        let sql = "SET LOCAL max_parallel_maintenance_workers = 0".to_owned();
        self.statements.insert(0, Statement { sql, vital: false });
        self
    }

    /// What is lost whatever the server says.
    pub fn lost(&self) -> &[Lost] {
        &self.lost
    }

    /// The tablespace it goes into, if that is another than the default one and the target has it.
    pub fn tablespace(&self) -> Option<&str> {
        self.tablespace.as_deref()
    }

    /// A drop of `--clean`: quite separate from the rest of its entry.
    pub fn drop(entry: &Entry, sql: String) -> Self {
        Self {
            id: entry.id,
            class: format!("DROP {}", entry.desc),
            name: display_name(entry),
            schema: None,
            tablespace: None,
            statements: vec![Statement { sql, vital: true }],
            lost: Vec::new(),
            secret: false,
            entered: None,
            undo: None,
        }
    }

    /// The first of its two steps alone.
    pub fn first_step(&self, steps: &TwoSteps) -> Self {
        let mut first = self.with_step(steps, &steps.first);
        // Owner, marks and losses belong to the second.
        let end = first.statements.iter().position(|statement| statement.sql == steps.first);
        first.statements.truncate(end.map_or(0, |end| end + 1));
        Self { lost: Vec::new(), undo: Some(steps.undo.clone()), ..first }
    }

    /// What is left of it behind its first step.
    pub fn second_step(&self, steps: &TwoSteps) -> Self {
        self.with_step(steps, &steps.second)
    }

    fn with_step(&self, steps: &TwoSteps, step: &str) -> Self {
        let mut other = self.clone();
        for statement in other.statements.iter_mut().filter(|statement| statement.sql == steps.whole) {
            step.clone_into(&mut statement.sql);
        }
        other
    }

    /// The statement that writes it down.
    pub fn done(&self) -> String {
        match &self.undo {
            Some(undo) => progress::entry_begun(self.id, undo, self.entered.as_ref().map(|(attempt, _)| *attempt)),
            None => progress::entry_done(self.id, self.entered.as_ref()),
        }
    }

    fn lose(&self, class: &str, reason: String) -> Lost {
        Lost { class: class.to_owned(), name: self.name.clone(), reason }
    }

    /// The creation, between settings of tablespace and access method where those are not the defaults.
    fn add_placement(&mut self, entry: &Entry, rules: Rules, known: &Known) {
        let mut settings = Vec::new();
        if let Some(name) = entry.tablespace.as_ref().filter(|_| !rules.no_tablespaces) {
            if known.tablespaces.contains(name) {
                self.tablespace = Some(name.clone());
                settings.push(("default_tablespace", name.clone(), ""));
            } else {
                let reason = format!("tablespace {name} is not on the target: the default one is used");
                self.lost.push(self.lose("TABLESPACE", reason));
            }
        }
        if let Some(name) = &entry.access_method {
            if known.access_methods.contains(name) {
                settings.push(("default_table_access_method", name.clone(), "heap"));
            } else {
                let reason = format!("access method {name} is not on the target: heap is used");
                self.lost.push(self.lose("ACCESS METHOD", reason));
            }
        }
        // Grants, settings, comments and labels stand each for itself.
        let vital = !matches!(
            entry.kind,
            EntryKind::Acl | EntryKind::ClusterProperties | EntryKind::Comment | EntryKind::SecurityLabel
        );
        let set = |name: &str, value: &str| Statement {
            sql: format!("SET LOCAL {name} = {}", quote_literal(value)),
            vital: true,
        };
        self.statements.extend(settings.iter().map(|(name, value, _)| set(name, value)));
        self.statements.extend(entry.create.iter().map(|sql| Statement { sql: sql.clone(), vital }));
        self.statements.extend(settings.iter().map(|(name, _, default)| set(name, default)));
    }

    /// An empty schema that is there is as good as a new one, unless `--clean` has dropped it by then.
    fn take_over(&mut self, entry: &Entry, known: &Known) {
        const CREATE: &str = "CREATE SCHEMA ";
        let is_there = entry.kind == EntryKind::Create && known.empty_schemas.contains(&entry.name);
        for statement in self.statements.iter_mut().filter(|_| is_there) {
            if let Some(rest) = statement.sql.strip_prefix(CREATE) {
                statement.sql = format!("{CREATE}IF NOT EXISTS {rest}");
            }
        }
    }

    fn add_owner(&mut self, entry: &Entry, rules: Rules, known: &Known) {
        let Some(sql) = entry.set_owner.as_ref().filter(|_| !rules.no_owner) else { return };
        match &entry.owner {
            Some(owner) if !known.roles.contains(owner) => {
                let reason = format!("role {owner} is not on the target: the restoring role keeps the {}", entry.desc);
                self.lost.push(self.lose("OWNER", reason));
            }
            _ => self.statements.push(Statement { sql: sql.clone(), vital: false }),
        }
    }

    pub(super) fn push_statements(&self, sql: &mut String) {
        self.statements.iter().for_each(|statement| push(sql, &statement.sql));
    }

    /// The error that ends the run, with the statement where it is known.
    pub(super) fn failed(&self, sql: Option<&str>, error: Error) -> Error {
        let what = format!("{} {}", self.class, self.name);
        let hint = connect::server_error(&error).map(|server| advice(&server.code, &self.class));
        let error = match self.secret {
            // The server may quote the statement, and the statement holds a password.
            true => Error::new(Kind::Target, format!("{what}: the server refused it")),
            false => match sql {
                Some(sql) => error.context(format!("{what} ({})", head(sql))),
                None => error.context(what),
            },
        };
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The same where it may have been refused because a function of an index or a materialized view does not qualify the
    /// names it uses: with the path its maker will have had, the object's schema and `public`. The server calls these
    /// functions as the table's owner; from 17 on it lets no path but its own reach them (manual: CREATE INDEX, Notes).
    pub(super) fn with_makers_path(&self, refused: &Error) -> Option<Self> {
        let missing = matches!(connect::sqlstate(refused)?, "42883" | "42P01" | "42704");
        let calls = matches!(&*self.class, "INDEX" | "CONSTRAINT" | "MATERIALIZED VIEW DATA" | "STATISTICS DATA");
        let schema = self.schema.as_ref().filter(|_| missing && calls)?;
        let sql = format!("SET LOCAL search_path = {}, public", quote_ident(schema));
        let statements = std::iter::once(Statement { sql, vital: true }).chain(self.statements.iter().cloned());
        Some(Self { statements: statements.collect(), ..self.clone() })
    }

    /// What a refusal loses; the refusal itself, if it ends the run.
    pub fn forgive(&self, lane: &Lane, sql: &str, error: Error, rules: Rules) -> Result<Lost> {
        match connect::server_error(&error).filter(|_| lane.is_usable()) {
            None => Err(error),
            Some(server) if rules.exit_on_error || ends_the_run(&server.code) => Err(self.failed(Some(sql), error)),
            Some(server) => Ok(self.lost_by(sql, server)),
        }
    }

    fn lost_by(&self, sql: &str, server: &ServerError) -> Lost {
        let reason = match self.secret {
            true => format!("refused by the server ({})", server.code),
            false => format!("{} in: {}. {}", reason(server), head(sql), remedy(&server.code, &self.class)),
        };
        Lost { class: self.class.clone(), name: self.name.clone(), reason }
    }
}

/// What writes entries and their losses down.
pub(super) fn push_done(sql: &mut String, entries: &[Prepared]) {
    let (begun, whole): (Vec<&Prepared>, Vec<&Prepared>) = entries.iter().partition(|entry| entry.undo.is_some());
    begun.iter().for_each(|entry| push(sql, &entry.done()));
    if !whole.is_empty() {
        push(sql, &progress::entries_done(whole.iter().map(|entry| (entry.id, entry.entered.as_ref()))));
    }
    entries.iter().flat_map(|entry| &entry.lost).for_each(|lost| push(sql, &progress::loss(lost)));
}

/// Appends a statement.
pub(super) fn push(sql: &mut String, statement: &str) {
    if !sql.is_empty() {
        sql.push_str(";\n");
    }
    sql.push_str(statement);
}

#[cfg(test)]
mod tests {
    use super::super::apply::{WrittenDown, transaction};
    use super::*;
    use crate::ddl::{Section, sample};

    fn entry() -> Entry {
        Entry {
            schema: Some("s".into()),
            name: "t".into(),
            owner: Some("alice".into()),
            create: vec!["CREATE TABLE s.t ()".into()],
            set_owner: Some("ALTER TABLE s.t OWNER TO alice".into()),
            ..sample::entry(5, EntryKind::Create, "TABLE", Section::PreData)
        }
    }

    fn known() -> Known {
        Known {
            roles: ["alice".to_owned()].into(),
            tablespaces: ["fast".to_owned()].into(),
            access_methods: ["heap".to_owned()].into(),
            empty_schemas: ["there".to_owned()].into(),
        }
    }

    fn sql(entry: &Entry, rules: Rules) -> (String, Vec<Lost>) {
        let prepared = Prepared::new(entry, rules, &known());
        (transaction(std::slice::from_ref(&prepared), WrittenDown::Each), prepared.lost)
    }

    #[test]
    fn progress_creation_and_owner_in_one_go() {
        let (all, lost) = sql(&entry(), Rules::default());
        let expected = "BEGIN;\nINSERT INTO _pgfreight.entry VALUES (5);\nCREATE TABLE s.t ();\n\
                        ALTER TABLE s.t OWNER TO alice;\nCOMMIT";
        assert_eq!((all.as_str(), lost.len()), (expected, 0));
        let (all, _) = sql(&entry(), Rules { no_owner: true, ..Rules::default() });
        assert!(!all.contains("OWNER"));
    }

    #[test]
    fn what_is_said_of_an_object_stands_each_for_itself() {
        let vital = |kind| {
            let create = vec!["FIRST".to_owned(), "SECOND".to_owned()];
            let prepared = Prepared::new(&Entry { kind, create, ..entry() }, Rules::default(), &known());
            prepared.statements.iter().take(2).map(|statement| statement.vital).collect::<Vec<_>>()
        };
        assert_eq!(vital(EntryKind::Create), [true, true]);
        for kind in [EntryKind::Comment, EntryKind::SecurityLabel, EntryKind::Acl] {
            assert_eq!(vital(kind), [false, false], "{kind:?}");
        }
    }

    #[test]
    fn missing_names_are_losses_and_defaults_stand_in() {
        let entry = Entry {
            owner: Some("bob".into()),
            tablespace: Some("slow".into()),
            access_method: Some("columnar".into()),
            ..entry()
        };
        let (all, lost) = sql(&entry, Rules::default());
        let classes: Vec<_> = lost.iter().map(|lost| lost.class.as_str()).collect();
        assert_eq!(classes, ["TABLESPACE", "ACCESS METHOD", "OWNER"]);
        assert!(!all.contains("slow'") && !all.contains("SET LOCAL"), "{all}");
    }

    #[test]
    fn placement_is_set_around_the_creation() {
        let entry = Entry { tablespace: Some("fast".into()), ..entry() };
        let (all, lost) = sql(&entry, Rules::default());
        assert!(all.contains("SET LOCAL default_tablespace = 'fast';\nCREATE TABLE"), "{all}");
        assert!(all.contains("CREATE TABLE s.t ();\nSET LOCAL default_tablespace = ''"), "{all}");
        assert!(lost.is_empty());
        assert!(!sql(&entry, Rules { no_tablespaces: true, ..Rules::default() }).0.contains("SET LOCAL"));
    }

    #[test]
    fn a_schema_that_is_there_is_taken_over() {
        let schema = |name: &str| Entry {
            desc: "SCHEMA".into(),
            schema: None,
            name: name.to_owned(),
            create: vec![format!("CREATE SCHEMA {name}")],
            set_owner: Some(format!("ALTER SCHEMA {name} OWNER TO alice")),
            ..entry()
        };
        let (all, lost) = sql(&schema("there"), Rules::default());
        assert!(all.contains("CREATE SCHEMA IF NOT EXISTS there;\nALTER SCHEMA there OWNER TO alice"), "{all}");
        assert!(sql(&schema("new"), Rules::default()).0.contains("CREATE SCHEMA new"));
        assert!(lost.is_empty());
    }

    #[test]
    fn two_steps_are_written_down_each() {
        let steps = TwoSteps {
            whole: "CREATE TABLE s.t ()".into(),
            first: "FIRST".into(),
            undo: "UNDO".into(),
            second: "SECOND".into(),
            first_locks: vec![],
            second_locks: vec![],
        };
        let entry = Entry { tablespace: Some("fast".into()), ..entry() };
        let prepared = Prepared::new(&entry, Rules::default(), &known());
        let sql = |prepared: Prepared| {
            let mut sql = String::new();
            push_done(&mut sql, std::slice::from_ref(&prepared));
            prepared.push_statements(&mut sql);
            sql
        };
        let expected =
            "INSERT INTO _pgfreight.begun VALUES (5, 'UNDO');\nSET LOCAL default_tablespace = 'fast';\nFIRST";
        assert_eq!(sql(prepared.first_step(&steps)), expected);
        let second = sql(prepared.second_step(&steps));
        assert!(second.starts_with("INSERT INTO _pgfreight.entry VALUES (5);\nSET LOCAL"), "{second}");
        assert!(second.contains("\nSECOND;\n") && second.ends_with("OWNER TO alice"), "{second}");
    }
}
