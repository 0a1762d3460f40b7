//! From merged values to what the engine takes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgfreight_engine::connect::{self, ConnectArgs, ConnectOptions, PasswordPrompt};
use pgfreight_engine::limits;
use pgfreight_engine::plan::copy_format::CopyFormatChoice;
use pgfreight_engine::run::memory::Memory;
use pgfreight_engine::run::options::{CopyOptions, DiffOptions, DumpOptions, Polite, RestoreOptions, VerifyOptions};
use pgfreight_engine::store::{AwsProfile, StoreConfig};
use pgfreight_engine::{Error, Kind};
use secrecy::SecretString;

use super::connection::ConnectionArgs;
use super::copy::CopyArgs;
use super::diff::DiffArgs;
use super::dump::{CopyFormatArg, DumpArgs, DumpWorkArgs, ReadingArgs};
use super::file::{OneOrMore, Placed};
use super::filters::LeaveOutArgs;
use super::jobs::{self, Jobs};
use super::merge::{Candidates, Layers, Origin};
use super::repo::{IdentityArgs, RepoArgs};
use super::restore::{RestoreArgs, RestoreWorkArgs, TargetArgs};
use super::verify::VerifyArgs;
use super::{filters, size};
use crate::secrets::{PassphraseSource, redacted};

fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

fn path(value: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(value))
}

/// The repository's URL.
///
/// # Errors
/// `Kind::Usage` if nobody named one.
pub fn repo_url(layers: &mut Layers<'_>, args: &RepoArgs) -> Result<String, Error> {
    let found = Candidates {
        flag: args.repo.clone(),
        variable: Some(("PGFREIGHT_REPO", text)),
        file: &[&layers.content().repo],
    };
    let (url, origin) = layers.choose(found)?.ok_or_else(|| {
        Error::new(Kind::Usage, "no repository was named")
            .hint("Name one with --repo URL, PGFREIGHT_REPO, or `repo` in the configuration file.")
    })?;
    layers.note("repo", &redacted(&url), &origin);
    Ok(url)
}

/// Where the repository lies and how to get there.
///
/// # Errors
/// As [`repo_url`].
pub fn store(layers: &mut Layers<'_>, args: &RepoArgs) -> Result<StoreConfig, Error> {
    let mut config = StoreConfig::new(repo_url(layers, args)?);
    let said = &layers.content().store;
    let endpoints = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    if let Some(endpoint) = unless_set(layers, "store.endpoint", &said.endpoint, &endpoints) {
        config = config.with("endpoint", &endpoint);
    }
    if let Some(region) = unless_set(layers, "store.region", &said.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        config = config.with("region", &region);
    }
    let style = "AWS_VIRTUAL_HOSTED_STYLE_REQUEST";
    if let Some(path_style) = unless_set(layers, "store.path-style", &said.path_style, &[style]) {
        config = config.with("virtual_hosted_style_request", if path_style { "false" } else { "true" });
    }
    if let Some(allow) = unless_set(layers, "store.allow-http", &said.allow_http, &["AWS_ALLOW_HTTP"]) {
        config = config.with("allow_http", &allow.to_string());
    }
    config.environment = layers.env().for_stores().into_iter().collect();
    config.aws_profile = aws_profile(layers)?;
    Ok(config)
}

/// A value of the file, unless one of these variables is set: then the store reads the variable.
fn unless_set<T: Clone + std::fmt::Display>(
    layers: &mut Layers<'_>,
    key: &'static str,
    said: &Placed<T>,
    variables: &[&'static str],
) -> Option<T> {
    for name in variables {
        if let Some(value) = layers.env().var(name) {
            layers.note(key, &value, &Origin::Variable(name));
            return None;
        }
    }
    let said = said.as_ref()?;
    let origin = layers.place(&said.span());
    layers.note(key, said.get_ref(), &origin);
    Some(said.get_ref().clone())
}

fn aws_profile(layers: &mut Layers<'_>) -> Result<Option<AwsProfile>, Error> {
    let found =
        Candidates { flag: None, variable: Some(("AWS_PROFILE", text)), file: &[&layers.content().store.profile] };
    let named = layers.choose(found)?;
    if let Some((name, origin)) = &named {
        layers.note("store.profile", name, origin);
    }
    let env = layers.env();
    let file = |variable: &str, name: &str| {
        let usual = || env.home.as_ref().map(|home| home.join(".aws").join(name));
        env.var(variable).map(PathBuf::from).or_else(usual)
    };
    Ok(Some(AwsProfile {
        required: named.is_some(),
        name: named.map_or_else(|| "default".to_owned(), |(name, _)| name),
        credentials_file: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        config_file: file("AWS_CONFIG_FILE", "config"),
    }))
}

/// Where this host's writer key for a repository lies.
///
/// # Errors
/// `Kind::Usage` if there is no home to put it in and nobody named a file.
pub fn writer_key_path(layers: &mut Layers<'_>, flag: Option<&PathBuf>, url: &str) -> Result<PathBuf, Error> {
    let found = Candidates {
        flag: flag.cloned(),
        variable: Some(("PGFREIGHT_WRITER_KEY", path)),
        file: &[&layers.content().writer_key],
    };
    let (path, origin) = match layers.choose(found)? {
        Some(chosen) => chosen,
        None => (default_writer_key(layers, url)?, Origin::Default),
    };
    layers.note("writer-key", &path.display(), &origin);
    Ok(path)
}

/// One file per repository, named by its URL, so that a swapped repository never finds another one's key.
fn default_writer_key(layers: &Layers<'_>, url: &str) -> Result<PathBuf, Error> {
    let home = layers.env().config_home().ok_or_else(|| {
        Error::new(Kind::Usage, "there is no home directory to look for the writer key in")
            .hint("Name the file with --writer-key or PGFREIGHT_WRITER_KEY.")
    })?;
    let place = url.split('?').next().unwrap_or_default();
    let place = match place.strip_prefix("file://").unwrap_or(place) {
        local if !local.contains("://") => {
            std::path::absolute(local).map_or_else(|_| local.into(), |p| p.display().to_string())
        }
        other => other.to_owned(),
    };
    let name: String = place
        .trim_matches('/')
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c.to_string()
            } else if c == '/' {
                "+".to_owned()
            } else {
                format!("%{:x}", u32::from(c))
            }
        })
        .collect();
    Ok(home.join("pgfreight").join(format!("{name}.writer-key")))
}

/// Files and passphrase that open a repository; nothing is read or asked yet.
#[derive(Debug)]
pub struct IdentitySources {
    /// Identity files.
    pub files: Vec<PathBuf>,
    /// The passphrase.
    pub passphrase: PassphraseSource,
}

/// What opens a repository.
///
/// # Errors
/// `Kind::Usage` for an unreadable variable.
pub fn identity_sources(layers: &mut Layers<'_>, args: &IdentityArgs) -> Result<IdentitySources, Error> {
    let words = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
    let found = Candidates {
        flag: (!args.identity.is_empty()).then(|| OneOrMore::More(words(&args.identity))),
        variable: Some(("PGFREIGHT_IDENTITY", |value| {
            Ok(OneOrMore::More(value.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect()))
        })),
        file: &[&layers.content().identity],
    };
    let files = match layers.choose(found)? {
        Some((files, origin)) => {
            let files = files.into_vec();
            layers.note("identity", &files.join(", "), &origin);
            files.into_iter().map(PathBuf::from).collect()
        }
        None => Vec::new(),
    };
    let passphrase = passphrase_source(layers, args.passphrase, args.passphrase_file.as_ref())?;
    Ok(IdentitySources { files, passphrase })
}

/// Where the passphrase comes from; the file before the variable, so that the variable may stay unused.
///
/// # Errors
/// `Kind::Usage` for an unreadable variable.
pub fn passphrase_source(
    layers: &mut Layers<'_>,
    ask: bool,
    flag: Option<&PathBuf>,
) -> Result<PassphraseSource, Error> {
    if ask {
        layers.note("passphrase", &"asked for", &Origin::Flag);
        return Ok(PassphraseSource::Prompt);
    }
    let found = Candidates {
        flag: flag.cloned(),
        variable: Some(("PGFREIGHT_PASSPHRASE_FILE", path)),
        file: &[&layers.content().passphrase_file],
    };
    let chosen = layers.choose(found)?;
    let variable = layers.env().var("PGFREIGHT_PASSPHRASE");
    match (chosen, variable) {
        (Some((_, Origin::File(..))) | None, Some(passphrase)) => {
            layers.note("passphrase", &"(not shown)", &Origin::Variable("PGFREIGHT_PASSPHRASE"));
            Ok(PassphraseSource::Variable(SecretString::from(passphrase.to_owned())))
        }
        (Some((path, origin)), _) => {
            layers.note("passphrase-file", &path.display(), &origin);
            Ok(PassphraseSource::File(path))
        }
        (None, None) => Ok(PassphraseSource::None),
    }
}

/// Which table of the configuration file a connection may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// `[source]`.
    Source,
    /// `[target]`.
    Target,
}

/// The connection: the command line, or the configuration file in its place, then whatever libpq would add.
///
/// # Errors
/// `Kind::Usage` for what cannot be a connection.
pub fn connection(
    layers: &mut Layers<'_>,
    args: &ConnectionArgs,
    positional: Option<&String>,
    side: Side,
) -> Result<ConnectOptions, Error> {
    let said = connect_args(layers, args, positional, side)?;
    if side == Side::Target && said.dbname.is_none() {
        return Err(Error::new(Kind::Usage, "no database to restore into was named")
            .hint("Name it with -d: the environment alone never chooses what is written."));
    }
    connect::resolve(&said, &layers.env().for_connections())
}

fn connect_args(
    layers: &mut Layers<'_>,
    args: &ConnectionArgs,
    positional: Option<&String>,
    side: Side,
) -> Result<ConnectArgs, Error> {
    let content = layers.content();
    let (source, target) = (&content.source, &content.target);
    let (dbname, host, port, username, keys) = match side {
        Side::Source => (&source.dbname, &source.host, &source.port, &source.username, SOURCE_KEYS),
        Side::Target => (&target.dbname, &target.host, &target.port, &target.username, TARGET_KEYS),
    };
    let mut take = |key, flag: Option<String>, file: &Placed<String>, secret: bool| {
        let found = Candidates { flag, variable: None, file: &[file] };
        layers.choose(found).map(|chosen| {
            chosen.map(|(value, origin)| {
                layers.note(key, &if secret { redacted(&value) } else { value.clone() }, &origin);
                value
            })
        })
    };
    let port = port.as_ref().map(|port| toml::Spanned::new(port.span(), port.get_ref().to_string()));
    Ok(ConnectArgs {
        dbname: take(keys[0], args.dbname.clone().or_else(|| positional.cloned()), dbname, true)?,
        host: take(keys[1], args.host.clone(), host, false)?,
        port: take(keys[2], args.port.clone(), &port, false)?,
        user: take(keys[3], args.username.clone(), username, false)?,
        password: None,
        never_prompt: args.no_password,
        force_prompt: args.password,
        prompt: Some(PasswordPrompt::new(crate::secrets::ask)),
    })
}

const SOURCE_KEYS: [&str; 4] = ["source.dbname", "source.host", "source.port", "source.username"];
const TARGET_KEYS: [&str; 4] = ["target.dbname", "target.host", "target.port", "target.username"];

fn jobs(layers: &mut Layers<'_>, flag: Option<Jobs>, table: &Placed<Jobs>, default: usize) -> Result<Jobs, Error> {
    let variable = Some(("PGFREIGHT_JOBS", jobs::parse as fn(&str) -> Result<Jobs, String>));
    layers.pick("jobs", Candidates { flag, variable, file: &[table, &layers.content().jobs] }, Jobs::Count(default))
}

fn rate(layers: &mut Layers<'_>, flag: Option<u64>, table: &Placed<String>) -> Result<Option<u64>, Error> {
    let table = layers.read_placed(table, size::rate)?;
    let chosen = layers.choose(Candidates { flag, variable: None, file: &[&table] })?;
    Ok(chosen.map(|(rate, origin)| {
        layers.note("rate-limit (bytes per second)", &rate, &origin);
        rate
    }))
}

/// `--polite`, which each of its limits implies; a limit in the file does not.
fn polite(layers: &mut Layers<'_>, work: &DumpWorkArgs) -> Result<Option<Polite>, Error> {
    let said = &layers.content().dump;
    let implied = work.polite || work.max_replication_lag.is_some() || work.max_active.is_some();
    let wanted = switch(layers, "polite", implied, &said.polite)?;
    let lag = layers.read_placed(&said.max_replication_lag, size::duration)?;
    let lag = layers.choose(Candidates { flag: work.max_replication_lag, variable: None, file: &[&lag] })?;
    let active = layers.choose(Candidates { flag: work.max_active, variable: None, file: &[&said.max_active] })?;
    if !wanted {
        return Ok(None);
    }
    let defaults = Polite::default();
    let (max_lag, origin) = lag.unwrap_or((defaults.max_lag, Origin::Default));
    layers.note("max-replication-lag", &format!("{max_lag:?}"), &origin);
    let max_active = active.map(|(active, origin)| {
        layers.note("max-active", &active, &origin);
        active
    });
    Ok(Some(Polite { max_lag, max_active }))
}

/// What was said of memory, if anything was.
fn memory(layers: &mut Layers<'_>, flag: Option<u64>, table: &Placed<String>) -> Result<Option<u64>, Error> {
    let table = layers.read_placed(table, size::bytes)?;
    let all = layers.read_placed(&layers.content().memory, size::bytes)?;
    let found = Candidates { flag, variable: Some(("PGFREIGHT_MEMORY", size::bytes)), file: &[&table, &all] };
    let said = layers.choose(found)?;
    let (bytes, origin) = said.clone().unwrap_or((limits::MEMORY_BUDGET, Origin::Default));
    layers.note("memory", &bytes, &origin);
    Ok(said.map(|(bytes, _)| bytes))
}

fn switch(layers: &mut Layers<'_>, key: &'static str, flag: bool, file: &Placed<bool>) -> Result<bool, Error> {
    layers.pick(key, Candidates { flag: flag.then_some(true), variable: None, file: &[file] }, false)
}

fn role(
    layers: &mut Layers<'_>,
    key: &'static str,
    flag: Option<&String>,
    file: &Placed<String>,
) -> Result<Option<String>, Error> {
    let chosen = layers.choose(Candidates { flag: flag.cloned(), variable: None, file: &[file] })?;
    Ok(chosen.map(|(role, origin)| {
        layers.note(key, &role, &origin);
        role
    }))
}

/// Options of a dump, and whether losses are allowed.
///
/// # Errors
/// `Kind::Usage`.
pub fn dump_options(layers: &mut Layers<'_>, args: &DumpArgs) -> Result<(DumpOptions, bool), Error> {
    let said = &layers.content().dump;
    let work = &args.work;
    let defaults = DumpOptions::default();
    let compress = layers.read_placed(&said.compress, super::dump::compression)?;
    let found = Candidates { flag: work.compress, variable: None, file: &[&compress] };
    let level = layers.pick("compress (zstd level)", found, defaults.level)?;
    let allow_losses = switch(layers, "allow-losses", args.losses.allow_losses, &said.allow_losses)?;
    let globals = switch(layers, "globals", args.filters.globals, &said.globals)?;
    let role_passwords = switch(layers, "role-passwords", args.filters.role_passwords, &said.role_passwords)?;
    let mut record = filters::record(&args.filters);
    let switches = [("--globals", globals), ("--role-passwords", role_passwords)];
    record.extend(switches.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()));
    let (jobs, auto_jobs) = jobs(layers, work.jobs, &said.jobs, defaults.jobs)?.at_most();
    let options = DumpOptions {
        jobs,
        auto_jobs,
        rate_limit: rate(layers, work.rate_limit, &said.rate_limit)?,
        polite: polite(layers, work)?,
        level,
        filters: filters::dump(layers, &args.filters)?,
        memory: memory(layers, work.memory, &said.memory)?.map_or(Memory::Usual, Memory::Limit),
        role: role(layers, "role", work.role.as_ref(), &said.role)?,
        globals,
        role_passwords,
        record,
        ..reading(layers, &work.reading)?
    };
    Ok((options, allow_losses))
}

/// How a source is read; everything else by default.
fn reading(layers: &mut Layers<'_>, args: &ReadingArgs) -> Result<DumpOptions, Error> {
    let said = &layers.content().dump;
    let defaults = DumpOptions::default();
    let format = layers.choose(Candidates { flag: args.copy_format, variable: None, file: &[&said.copy_format] })?;
    let lock_wait = layers.read_placed(&said.lock_wait_timeout, size::duration)?;
    let lock_wait = layers.choose(Candidates { flag: args.lock_wait_timeout, variable: None, file: &[&lock_wait] })?;
    let age = layers.read_placed(&said.snapshot_age, size::duration)?;
    let age = layers.choose(Candidates { flag: args.snapshot_age, variable: None, file: &[&age] })?;
    for (key, chosen) in [("lock-wait-timeout", &lock_wait), ("snapshot-age", &age)] {
        if let Some((time, origin)) = chosen {
            layers.note(key, &format!("{time:?}"), origin);
        }
    }
    let chunk = layers.read_placed(&said.chunk_size, size::chunk)?;
    let chunk = Candidates { flag: args.chunk_size, variable: None, file: &[&chunk] };
    Ok(DumpOptions {
        copy_format: match format.map_or(CopyFormatArg::Auto, |(format, _)| format) {
            CopyFormatArg::Auto => CopyFormatChoice::Auto,
            CopyFormatArg::Text => CopyFormatChoice::Text,
            CopyFormatArg::Binary => CopyFormatChoice::Binary,
        },
        lock_wait: lock_wait.map(|(time, _)| time),
        snapshot_age: age.map(|(time, _)| time),
        row_security: switch(layers, "enable-row-security", args.enable_row_security, &said.enable_row_security)?,
        chunk_target: layers.pick("chunk-size", chunk, defaults.chunk_target)?,
        ..defaults
    })
}

/// Options of a restore, and whether losses are allowed.
///
/// # Errors
/// `Kind::Usage`.
pub fn restore_options(layers: &mut Layers<'_>, args: &RestoreArgs) -> Result<(RestoreOptions, bool), Error> {
    let said = &layers.content().restore;
    let allow_losses = switch(layers, "allow-losses", args.losses.allow_losses, &said.allow_losses)?;
    let options = RestoreOptions {
        filters: filters::restore(&args.filters)?,
        globals: switch(layers, "globals", args.globals, &said.globals)?,
        role: role(layers, "role", args.role.as_ref(), &said.role)?,
        no_statistics: args.filters.no_statistics,
        ..writing(layers, &args.target, &args.filters.leave_out, &args.work)?
    };
    Ok((options, allow_losses))
}

/// How a target is written; everything else by default.
fn writing(
    layers: &mut Layers<'_>,
    target: &TargetArgs,
    leave_out: &LeaveOutArgs,
    work: &RestoreWorkArgs,
) -> Result<RestoreOptions, Error> {
    let said = &layers.content().restore;
    let defaults = RestoreOptions::default();
    let (jobs, auto_jobs) = jobs(layers, work.jobs, &said.jobs, defaults.jobs)?.at_most();
    Ok(RestoreOptions {
        jobs,
        auto_jobs,
        rate_limit: rate(layers, work.rate_limit, &said.rate_limit)?,
        memory: memory(layers, work.memory, &said.memory)?.map_or(Memory::Usual, Memory::Limit),
        clean: target.clean,
        if_exists: target.if_exists,
        create: target.create,
        no_owner: switch(layers, "no-owner", target.no_owner, &said.no_owner)?,
        no_privileges: switch(layers, "no-privileges", target.no_privileges, &said.no_privileges)?,
        disable_triggers: target.disable_triggers,
        exit_on_error: target.exit_on_error,
        no_comments: leave_out.no_comments,
        no_publications: leave_out.no_publications,
        no_subscriptions: leave_out.no_subscriptions,
        no_security_labels: leave_out.no_security_labels,
        no_tablespaces: leave_out.no_tablespaces,
        dry_run: work.dry_run,
        allow_non_empty: target.allow_non_empty,
        no_check: work.no_check,
        protected: protected(layers),
        ..defaults
    })
}

/// Targets that are never written.
fn protected(layers: &mut Layers<'_>) -> BTreeSet<String> {
    let Some(names) = &layers.content().target.protected else { return BTreeSet::new() };
    let origin = layers.place(&names.span());
    let names = names.get_ref().clone().into_vec();
    layers.note("target.protected", &names.join(", "), &origin);
    names.into_iter().collect()
}

/// Options of a copy, and whether losses are allowed: a dump's for the source, a restore's for the target.
///
/// # Errors
/// `Kind::Usage`.
pub fn copy_options(layers: &mut Layers<'_>, args: &CopyArgs) -> Result<(CopyOptions, bool), Error> {
    let (from, to) = (&layers.content().dump, &layers.content().restore);
    let allow_losses = switch(layers, "allow-losses", args.losses.allow_losses, &to.allow_losses)?;
    let globals = switch(layers, "globals", args.filters.globals, &to.globals)?;
    let source = DumpOptions {
        filters: filters::dump(layers, &args.filters)?,
        role: role(layers, "source-role", args.source_role.as_ref(), &from.role)?,
        globals,
        role_passwords: switch(layers, "role-passwords", args.filters.role_passwords, &from.role_passwords)?,
        ..reading(layers, &args.reading)?
    };
    let target = RestoreOptions {
        globals,
        role: role(layers, "target-role", args.target_role.as_ref(), &to.role)?,
        no_statistics: args.filters.no_statistics,
        ..writing(layers, &args.target, &args.leave_out, &args.work)?
    };
    Ok((CopyOptions { source, target }, allow_losses))
}

/// The connection to what a copy writes. `PGPASSWORD` belongs to the source's server: another one is never offered it.
///
/// # Errors
/// `Kind::Usage` for what cannot be a connection.
pub fn copy_target(layers: &mut Layers<'_>, args: &CopyArgs, source: &ConnectOptions) -> Result<ConnectOptions, Error> {
    if args.to.is_none() && layers.content().target.dbname.is_none() {
        return Err(Error::new(Kind::Usage, "no database to copy into was named")
            .hint("Name it with --to: the environment alone never chooses what is written."));
    }
    let said = ConnectionArgs {
        dbname: args.to.clone(),
        no_password: args.connection.no_password,
        ..ConnectionArgs::default()
    };
    let mut said = connect_args(layers, &said, None, Side::Target)?;
    let variable = "PGFREIGHT_TARGET_PASSWORD";
    if let Some(password) = layers.env().var(variable) {
        said.password = Some(SecretString::from(password.to_owned()));
        layers.note("target.password", &"(not shown)", &Origin::Variable(variable));
    }
    let mut env = layers.env().for_connections();
    let target = connect::resolve(&said, &env)?;
    let server = |options: &ConnectOptions| {
        options.describe().rsplit_once('/').map(|(server, _)| server.to_owned()).unwrap_or_default()
    };
    if server(&target) == server(source) || env.vars.remove("PGPASSWORD").is_none() {
        return Ok(target);
    }
    connect::resolve(&said, &env)
}

/// Options of `diff`.
///
/// # Errors
/// `Kind::Usage`.
pub fn diff_options(layers: &mut Layers<'_>, args: &DiffArgs) -> Result<DiffOptions, Error> {
    let defaults = DiffOptions::default();
    let jobs = match jobs(layers, args.jobs, &None, defaults.jobs)? {
        Jobs::Count(count) => count,
        // Comparing is over before it matters.
        Jobs::Auto => defaults.jobs,
    };
    Ok(DiffOptions { schema: !args.data_only, data: !args.schema_only, jobs })
}

/// Options of a verification.
///
/// # Errors
/// `Kind::Usage`.
pub fn verify_options(layers: &mut Layers<'_>, args: &VerifyArgs) -> Result<VerifyOptions, Error> {
    let defaults = VerifyOptions::default();
    let (jobs, auto_jobs) = jobs(layers, args.jobs, &None, defaults.jobs)?.at_most();
    let memory = memory(layers, args.memory, &None)?.unwrap_or(defaults.memory);
    Ok(VerifyOptions { jobs, auto_jobs, memory })
}
