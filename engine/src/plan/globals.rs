//! What a restore makes of the cluster's own objects: what the target lacks, and nothing else.
//!
//! Roles and tablespaces that are there stay as they are, whatever the dump says of them; where they differ, that is a loss
//! with a name. What GRANT gives (memberships, privileges on parameters) is given where it is missing, and never taken. The
//! role that restores is not changed at all. So whatever was interrupted can be run again.

use std::collections::HashSet;

use crate::catalog::features::Features;
use crate::catalog::globals::{Globals, Membership, Parameter, Role, Tablespace};
use crate::catalog::{Acl, AclItem, Class};
use crate::ddl::globals::{Subject, grant, numbered, parameter_draft};
use crate::ddl::{Context, Dialect, Entry, EntryKind};

/// Kinds of entries that options leave out; what is left out is not compared either.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaveOut {
    /// `--no-owner`: tablespaces belong to whoever restores.
    pub owner: bool,
    /// `--no-privileges`: memberships stay, as in pg_dumpall.
    pub privileges: bool,
    /// `--no-comments`.
    pub comments: bool,
    /// `--no-security-labels`.
    pub labels: bool,
    /// `--no-tablespaces`.
    pub tablespaces: bool,
}

/// What is planned from.
#[derive(Clone, Copy, Debug)]
pub struct GlobalsInput<'a> {
    /// The dump's.
    pub dump: &'a Globals,
    /// The target's, as it was found.
    pub target: &'a Globals,
    /// The target's version.
    pub dialect: Dialect,
    /// The role that is connected.
    pub connected: &'a str,
    /// What options leave out.
    pub leave_out: LeaveOut,
    /// Entry numbers of a list file.
    pub list: Option<&'a [u32]>,
}

/// What is done about the cluster's objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GlobalsPlan {
    /// Entries to run, in order; their own losses stand in them.
    pub entries: Vec<Entry>,
    /// What is not carried because the target has it otherwise: class, name, reason.
    pub losses: Vec<(String, String, String)>,
}

/// Plans.
pub fn plan(input: GlobalsInput<'_>) -> GlobalsPlan {
    let dump = fitted(&input);
    let mut plan = GlobalsPlan::default();
    for (subject, entry) in numbered(&dump, input.dialect) {
        let listed = input.list.is_none_or(|list| list.contains(&entry.id));
        if !listed || !is_kept(&entry, input.leave_out) {
            continue;
        }
        let reasons = match input.decide(subject, &entry) {
            Decision::Run(create) if !create.is_empty() => {
                plan.entries.push(Entry { create, ..entry });
                continue;
            }
            Decision::Run(_) => Vec::new(),
            Decision::Leave(reasons) => reasons,
        };
        let reasons = entry.losses.iter().cloned().chain(reasons);
        plan.losses.extend(reasons.map(|reason| (entry.desc.clone(), entry.name.clone(), reason)));
    }
    plan
}

/// The dump's objects in the target's words: its bootstrap superuser stands for the source's, and what options leave out of
/// statements is not there. The entries are the same.
fn fitted(input: &GlobalsInput<'_>) -> Globals {
    let mut dump = input.dump.clone();
    let (old, new) = (std::mem::replace(&mut dump.bootstrap, input.target.bootstrap.clone()), &input.target.bootstrap);
    let rename = |name: &mut String| {
        if *name == old {
            name.clone_from(new);
        }
    };
    dump.memberships.iter_mut().filter_map(|membership| membership.grantor.as_mut()).for_each(rename);
    for parameter in &mut dump.parameters {
        for item in parameter.acl.initial.iter_mut().chain(&mut parameter.acl.current) {
            rename(&mut item.grantor);
            item.grantee.iter_mut().for_each(rename);
        }
    }
    if input.leave_out.owner {
        dump.tablespaces.iter_mut().for_each(|tablespace| tablespace.owner = None);
    }
    dump
}

fn is_kept(entry: &Entry, leave_out: LeaveOut) -> bool {
    let tablespace = entry.object.is_some_and(|id| id.class == Class::Tablespace);
    match entry.kind {
        _ if tablespace && leave_out.tablespaces => false,
        EntryKind::Acl => !leave_out.privileges,
        EntryKind::Comment => !leave_out.comments,
        EntryKind::SecurityLabel => !leave_out.labels,
        _ => true,
    }
}

/// What becomes of an entry.
enum Decision {
    /// These statements run.
    Run(Vec<String>),
    /// Nothing runs; what is lost by that.
    Leave(Vec<String>),
}

const LEAVE: Decision = Decision::Leave(Vec::new());

impl GlobalsInput<'_> {
    fn decide(&self, subject: Subject<'_>, entry: &Entry) -> Decision {
        let run = || Decision::Run(entry.create.clone());
        let makes = entry.kind == EntryKind::Create;
        match subject {
            Subject::Role(role) => match self.target.role(&role.name) {
                None => run(),
                Some(there) if makes => differing("other attributes", self.role(role, there)),
                Some(_) => LEAVE,
            },
            Subject::Settings(None) if self.target.settings.is_empty() => run(),
            Subject::Settings(None) => {
                differing("other settings", settings(&self.dump.settings, &self.target.settings))
            }
            Subject::Settings(Some(role)) => match self.target.role(&role.name) {
                None => run(),
                Some(there) => differing("other settings", settings(&role.settings, &there.settings)),
            },
            Subject::Membership(membership) => self.membership(membership, entry),
            Subject::Parameter(parameter) => self.parameter(parameter, entry),
            Subject::Tablespace(tablespace) => {
                let there = self.target.tablespaces.iter().find(|there| there.name == tablespace.name);
                match there {
                    None => run(),
                    Some(there) if makes => differing("other attributes", self.tablespace(tablespace, there)),
                    Some(_) => LEAVE,
                }
            }
        }
    }

    /// In what a role differs; settings are compared apart, where the dump has some.
    fn role(&self, role: &Role, there: &Role) -> Vec<String> {
        let mut differs = Differs::default();
        differs.note("superuser", role.superuser != there.superuser);
        differs.note("inherit", role.inherit != there.inherit);
        differs.note("createrole", role.create_role != there.create_role);
        differs.note("createdb", role.create_db != there.create_db);
        differs.note("login", role.login != there.login);
        differs.note("replication", role.replication != there.replication);
        differs.note("bypassrls", role.bypass_rls != there.bypass_rls);
        differs.note("connection limit", role.connection_limit != there.connection_limit);
        differs.note("valid until", role.valid_until != there.valid_until);
        let passwords = self.dump.passwords && self.target.passwords;
        differs.note("password", passwords && role.password != there.password);
        let hidden = role.password.is_some() && !self.target.passwords;
        differs.note("password (the server does not show it)", hidden);
        differs.note("settings", role.settings.is_empty() && !there.settings.is_empty());
        self.remarks(&mut differs, (&role.comment, &there.comment), (&role.labels, &there.labels));
        differs.0
    }

    fn tablespace(&self, tablespace: &Tablespace, there: &Tablespace) -> Vec<String> {
        let mut differs = Differs::default();
        differs.note("owner", tablespace.owner.is_some() && tablespace.owner != there.owner);
        differs.note("location", tablespace.location != there.location);
        differs.note("options", tablespace.options != there.options);
        let granted = |acl: &Option<Acl>| acl.as_ref().map(|acl| acl.current.clone());
        let privileges = granted(&tablespace.acl) != granted(&there.acl);
        differs.note("privileges", privileges && !self.leave_out.privileges);
        self.remarks(&mut differs, (&tablespace.comment, &there.comment), (&tablespace.labels, &there.labels));
        differs.0
    }

    fn remarks<T: PartialEq, U: PartialEq>(&self, differs: &mut Differs, comments: (T, T), labels: (U, U)) {
        differs.note("comment", comments.0 != comments.1 && !self.leave_out.comments);
        differs.note("security labels", labels.0 != labels.1 && !self.leave_out.labels);
    }

    fn membership(&self, membership: &Membership, entry: &Entry) -> Decision {
        let run = |create: Vec<String>| match membership.member == self.connected && !create.is_empty() {
            true => Decision::Leave(vec!["the role that restores is not changed".to_owned()]),
            false => Decision::Run(create),
        };
        let Some(there) = self.granted(membership) else { return run(entry.create.clone()) };
        let differ = |a: Option<bool>, b: Option<bool>| a.zip(b).is_some_and(|(a, b)| a != b);
        let mut differs = Differs::default();
        differs.note("inherit", differ(membership.inherit, there.inherit));
        differs.note("set", differ(membership.set, there.set));
        if !differs.0.is_empty() {
            return differing("other options", differs.0);
        }
        if !membership.admin || there.admin {
            return LEAVE;
        }
        // Options that are not named stay as they are.
        let admin = Membership { inherit: None, set: None, ..membership.clone() };
        let cx = Context::of(&[], Features::of(self.dialect.target), HashSet::new());
        run(vec![grant(&admin, &self.target.bootstrap, &cx)])
    }

    /// The same grant on the target; servers before 16 do not tell who granted.
    fn granted(&self, wanted: &Membership) -> Option<&Membership> {
        self.target.memberships.iter().find(|there| {
            let grantor = wanted.grantor.as_ref().zip(there.grantor.as_ref()).is_none_or(|(a, b)| a == b);
            grantor && there.role == wanted.role && there.member == wanted.member
        })
    }

    /// Privileges on a parameter: from what is in force on the target, only what is missing.
    fn parameter(&self, parameter: &Parameter, entry: &Entry) -> Decision {
        let Some(there) = self.target.parameters.iter().find(|there| there.name == parameter.name) else {
            return Decision::Run(entry.create.clone());
        };
        let mut current = there.acl.current.clone();
        for item in &parameter.acl.current {
            let same = |other: &&mut AclItem| {
                (&other.grantee, &other.grantor, &other.privilege) == (&item.grantee, &item.grantor, &item.privilege)
            };
            match current.iter_mut().find(same) {
                Some(other) => other.grantable |= item.grantable,
                None => current.push(item.clone()),
            }
        }
        let acl = Acl { initial: there.acl.current.clone(), current, ..Acl::default() };
        let missing = Parameter { acl, ..parameter.clone() };
        let cx = Context::of(&[], Features::of(self.dialect.target), HashSet::new());
        match parameter_draft(&missing, &self.target.bootstrap, &cx).create {
            create if create.is_empty() => LEAVE,
            create => Decision::Run(create),
        }
    }
}

/// Words for what differs.
#[derive(Default)]
struct Differs(Vec<String>);

impl Differs {
    fn note(&mut self, what: &str, differs: bool) {
        self.0.extend(differs.then(|| what.to_owned()));
    }
}

fn differing(kind: &str, what: Vec<String>) -> Decision {
    match what.is_empty() {
        true => LEAVE,
        false => Decision::Leave(vec![format!("it is there already, with {kind}: {}", what.join(", "))]),
    }
}

/// Parameters that are not set to the same value in both.
fn settings(dump: &[(String, String)], there: &[(String, String)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (setting, others) in dump.iter().map(|s| (s, there)).chain(there.iter().map(|s| (s, dump))) {
        if !others.contains(setting) && !names.contains(&setting.0) {
            names.push(setting.0.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests;
