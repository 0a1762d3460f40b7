//! pg_dump's and pg_restore's filters and switches, by their names, letters and pattern rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pgfreight_engine::ddl::Section;
use pgfreight_engine::plan::filter_file;
use pgfreight_engine::plan::select::{Filters, RestoreFilters};
use pgfreight_engine::plan::select_entries::parse_list;
use pgfreight_engine::{Error, Kind};

use super::file::{OneOrMore, Placed};
use super::merge::{Candidates, Layers};

/// What a dump carries.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "What to dump")]
pub struct DumpFilterArgs {
    /// Only tables (views, sequences …) matching the pattern, may be repeated
    #[arg(short = 't', long, value_name = "PATTERN")]
    pub table: Vec<String>,
    /// Not tables matching the pattern, may be repeated
    #[arg(short = 'T', long, value_name = "PATTERN")]
    pub exclude_table: Vec<String>,
    /// As --table, with partitions and inheritance children
    #[arg(long, value_name = "PATTERN")]
    pub table_and_children: Vec<String>,
    /// As --exclude-table, with partitions and inheritance children
    #[arg(long, value_name = "PATTERN")]
    pub exclude_table_and_children: Vec<String>,
    /// Only schemas matching the pattern, may be repeated
    #[arg(short = 'n', long, value_name = "PATTERN")]
    pub schema: Vec<String>,
    /// Not schemas matching the pattern, may be repeated
    #[arg(short = 'N', long, value_name = "PATTERN")]
    pub exclude_schema: Vec<String>,
    /// Only extensions matching the pattern, may be repeated
    #[arg(short = 'e', long, value_name = "PATTERN")]
    pub extension: Vec<String>,
    /// Not extensions matching the pattern, may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub exclude_extension: Vec<String>,
    /// Not the rows of tables matching the pattern, may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub exclude_table_data: Vec<String>,
    /// As --exclude-table-data, with partitions and inheritance children
    #[arg(long, value_name = "PATTERN")]
    pub exclude_table_data_and_children: Vec<String>,
    /// Read filters from a file in pg_dump's format, may be repeated
    #[arg(long, value_name = "FILE")]
    pub filter: Vec<PathBuf>,
    /// Every include pattern must match something
    #[arg(long)]
    pub strict_names: bool,
    /// Only the schema, no rows
    #[arg(short = 's', long, conflicts_with = "data_only")]
    pub schema_only: bool,
    /// Only the rows, no schema
    #[arg(short = 'a', long)]
    pub data_only: bool,
    /// Only a section, may be repeated
    #[arg(long, value_name = "SECTION", value_enum, conflicts_with_all = ["schema_only", "data_only"])]
    pub section: Vec<SectionArg>,
    /// Large objects even when -t or -n selects tables
    #[arg(short = 'b', long, conflicts_with = "no_large_objects")]
    pub large_objects: bool,
    /// No large objects
    #[arg(short = 'B', long)]
    pub no_large_objects: bool,
    /// No statistics for the planner
    #[arg(long)]
    pub no_statistics: bool,
    /// The cluster's roles, memberships, role settings, tablespaces and privileges on parameters too
    #[arg(long)]
    pub globals: bool,
    /// With --globals: the roles' password hashes too; needs a superuser or pg_read_all_data
    #[arg(long)]
    pub role_passwords: bool,
}

/// Classes to leave out.
#[derive(Args, Debug, Default)]
pub struct LeaveOutArgs {
    /// No comments
    #[arg(long)]
    pub no_comments: bool,
    /// No publications
    #[arg(long)]
    pub no_publications: bool,
    /// No subscriptions
    #[arg(long)]
    pub no_subscriptions: bool,
    /// No security labels
    #[arg(long)]
    pub no_security_labels: bool,
    /// No tablespace assignments
    #[arg(long)]
    pub no_tablespaces: bool,
}

/// What a restore carries.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "What to restore")]
pub struct RestoreFilterArgs {
    /// Only this table (view, sequence …) and its rows, a name or a pattern, may be repeated
    #[arg(short = 't', long, value_name = "NAME")]
    pub table: Vec<String>,
    /// Not this table, may be repeated
    #[arg(long, value_name = "NAME")]
    pub exclude_table: Vec<String>,
    /// Only this index, may be repeated
    #[arg(short = 'I', long, value_name = "NAME")]
    pub index: Vec<String>,
    /// Only this function, with its argument types, may be repeated
    #[arg(short = 'P', long, value_name = "NAME(ARGS)")]
    pub function: Vec<String>,
    /// Only this trigger, may be repeated
    #[arg(short = 'T', long, value_name = "NAME")]
    pub trigger: Vec<String>,
    /// Only objects in this schema, may be repeated
    #[arg(short = 'n', long, value_name = "NAME")]
    pub schema: Vec<String>,
    /// No objects in this schema, may be repeated
    #[arg(short = 'N', long, value_name = "NAME")]
    pub exclude_schema: Vec<String>,
    /// Only the schema, no rows
    #[arg(short = 's', long, conflicts_with = "data_only")]
    pub schema_only: bool,
    /// Only the rows, no schema
    #[arg(short = 'a', long)]
    pub data_only: bool,
    /// Only a section, may be repeated
    #[arg(long, value_name = "SECTION", value_enum, conflicts_with_all = ["schema_only", "data_only"])]
    pub section: Vec<SectionArg>,
    /// Print the table of contents instead of restoring
    #[arg(short = 'l', long, conflicts_with = "use_list")]
    pub list: bool,
    /// Restore only what this edited list holds
    #[arg(short = 'L', long, value_name = "FILE")]
    pub use_list: Option<PathBuf>,
    /// Every name must match something
    #[arg(long)]
    pub strict_names: bool,
    /// No statistics for the planner: neither the dump's (18) nor ANALYZE (before)
    #[arg(long)]
    pub no_statistics: bool,
    #[command(flatten)]
    pub leave_out: LeaveOutArgs,
}

/// pg_dump's sections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum SectionArg {
    /// Everything rows need: types, tables, functions.
    PreData,
    /// Rows, large objects, sequence values.
    Data,
    /// Indexes, constraints, triggers, rules and what follows.
    PostData,
}

/// Whether losses change the exit code.
#[derive(Args, Debug, Default)]
pub struct LossArgs {
    /// Exit 0 although something was not carried; it is still reported by name
    #[arg(long)]
    pub allow_losses: bool,
}

/// The filters of a dump; patterns of the command line replace those of the configuration file, kind by kind.
///
/// # Errors
/// `Kind::Usage` for a filter file that cannot be read or understood.
pub fn dump(layers: &mut Layers<'_>, args: &DumpFilterArgs) -> Result<Filters, Error> {
    let said = &layers.content().dump;
    let mut patterns = |key, flag: &Vec<String>, file: &Placed<OneOrMore>| -> Result<Vec<String>, Error> {
        let flag = (!flag.is_empty()).then(|| OneOrMore::More(flag.clone()));
        let chosen = layers.choose(Candidates { flag, variable: None, file: &[file] })?;
        Ok(chosen.map_or_else(Vec::new, |(words, origin)| {
            let words = words.into_vec();
            layers.note(key, &words.join(", "), &origin);
            words
        }))
    };
    let mut filters = Filters {
        tables: patterns("table", &args.table, &said.table)?,
        exclude_tables: patterns("exclude-table", &args.exclude_table, &said.exclude_table)?,
        schemas: patterns("schema", &args.schema, &said.schema)?,
        exclude_schemas: patterns("exclude-schema", &args.exclude_schema, &said.exclude_schema)?,
        exclude_table_data: patterns("exclude-table-data", &args.exclude_table_data, &said.exclude_table_data)?,
        tables_and_children: args.table_and_children.clone(),
        exclude_tables_and_children: args.exclude_table_and_children.clone(),
        exclude_table_data_and_children: args.exclude_table_data_and_children.clone(),
        extensions: args.extension.clone(),
        exclude_extensions: args.exclude_extension.clone(),
        schema_only: args.schema_only,
        data_only: args.data_only,
        sections: sections(&args.section),
        large_objects: match (args.large_objects, args.no_large_objects) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        strict_names: args.strict_names,
        no_statistics: args.no_statistics,
        ..Filters::default()
    };
    for path in &args.filter {
        let text = read(path, "filter file")?;
        filter_file::read(&text, &mut filters)
            .map_err(|error| Error::new(Kind::Usage, format!("{}: {error}", path.display())))?;
    }
    Ok(filters)
}

/// The filters of a restore.
///
/// # Errors
/// `Kind::Usage` for a list that cannot be read or understood.
pub fn restore(args: &RestoreFilterArgs) -> Result<RestoreFilters, Error> {
    let list = match &args.use_list {
        None => None,
        Some(path) => {
            let refused = |line| Error::new(Kind::Usage, format!("{}: not a line of a list: {line}", path.display()));
            Some(parse_list(&read(path, "list")?).map_err(refused)?)
        }
    };
    Ok(RestoreFilters {
        tables: args.table.clone(),
        exclude_tables: args.exclude_table.clone(),
        schemas: args.schema.clone(),
        exclude_schemas: args.exclude_schema.clone(),
        indexes: args.index.clone(),
        functions: args.function.clone(),
        triggers: args.trigger.clone(),
        sections: sections(&args.section),
        schema_only: args.schema_only,
        data_only: args.data_only,
        list,
        strict_names: args.strict_names,
    })
}

fn sections(args: &[SectionArg]) -> BTreeSet<Section> {
    let section = |arg: &SectionArg| match arg {
        SectionArg::PreData => Section::PreData,
        SectionArg::Data => Section::Data,
        SectionArg::PostData => Section::PostData,
    };
    args.iter().map(section).collect()
}

/// Reads a file of rules; `-` is standard input.
fn read(path: &Path, what: &str) -> Result<String, Error> {
    let read =
        if path == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    read.map_err(|error| Error::new(Kind::Usage, format!("cannot read the {what} {}", path.display())).because(error))
}

/// Filters and switches as the user gave them, for the dump's own record.
pub fn record(args: &DumpFilterArgs) -> Vec<String> {
    let mut words = Vec::new();
    let lists = [
        ("--table", &args.table),
        ("--table-and-children", &args.table_and_children),
        ("--exclude-table", &args.exclude_table),
        ("--exclude-table-and-children", &args.exclude_table_and_children),
        ("--schema", &args.schema),
        ("--exclude-schema", &args.exclude_schema),
        ("--extension", &args.extension),
        ("--exclude-extension", &args.exclude_extension),
        ("--exclude-table-data", &args.exclude_table_data),
        ("--exclude-table-data-and-children", &args.exclude_table_data_and_children),
    ];
    for (name, patterns) in lists {
        words.extend(patterns.iter().map(|pattern| format!("{name}={pattern}")));
    }
    words.extend(args.filter.iter().map(|path| format!("--filter={}", path.display())));
    let switches = [
        ("--strict-names", args.strict_names),
        ("--schema-only", args.schema_only),
        ("--data-only", args.data_only),
        ("--large-objects", args.large_objects),
        ("--no-large-objects", args.no_large_objects),
        ("--no-statistics", args.no_statistics),
    ];
    words.extend(switches.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()));
    words.extend(args.section.iter().map(|section| {
        let name = section.to_possible_value().map(|value| value.get_name().to_owned());
        format!("--section={}", name.unwrap_or_default())
    }));
    words
}
