//! The cluster's own objects: `CREATE ROLE`, memberships, settings, privileges on parameters, `CREATE TABLESPACE`. Their
//! entries stand in front of everything else, because everything else may name them; they run only with `--globals`, and
//! nothing is ever dropped for them.

use std::collections::{HashMap, HashSet};

use super::acl::{Scope, difference};
use super::draft::{Context, Draft};
use super::{Dialect, Entry, EntryKind, Section, order, setting};
use crate::catalog::features::{Feature, Features};
use crate::catalog::globals::{Globals, Membership, Parameter, Role, Tablespace};
use crate::catalog::{Class, ObjectId};
use crate::ids::Oid;
use crate::sql::{quote_ident, quote_literal};

/// What an entry speaks of.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The role itself, its password, comment or labels.
    Role(&'a Role),
    /// Settings of a role, or of all roles.
    Settings(Option<&'a Role>),
    /// A membership.
    Membership(&'a Membership),
    /// Privileges on a parameter.
    Parameter(&'a Parameter),
    /// The tablespace itself, its comment, labels or privileges.
    Tablespace(&'a Tablespace),
}

/// The entries in their order, with their numbers in the table of contents, each with what it speaks of.
pub fn numbered(globals: &Globals, dialect: Dialect) -> Vec<(Subject<'_>, Entry)> {
    let cx = Context::of(&[], Features::of(dialect.target), HashSet::new());
    let numbers = 1..;
    let entry = |((subject, draft), number)| (subject, order::entry(number, draft, Vec::new()));
    drafts(globals, &cx).into_iter().zip(numbers).map(entry).collect()
}

/// As pg_dumpall goes: roles, then what hangs on them, then tablespaces, which they own.
fn drafts<'a>(globals: &'a Globals, cx: &Context<'_>) -> Vec<(Subject<'a>, Draft)> {
    let mut drafts = Vec::new();
    for role in &globals.roles {
        drafts.extend(role_drafts(role).into_iter().map(|draft| (Subject::Role(role), draft)));
    }
    let of_all = (!globals.settings.is_empty()).then(|| (Subject::Settings(None), settings(None, &globals.settings)));
    drafts.extend(of_all);
    for role in globals.roles.iter().filter(|role| !role.settings.is_empty()) {
        drafts.push((Subject::Settings(Some(role)), settings(Some(role), &role.settings)));
    }
    let mut granted = HashMap::new();
    for membership in grantable(globals) {
        let draft = membership_draft(membership, globals, &mut granted, cx);
        drafts.push((Subject::Membership(membership), draft));
    }
    for parameter in &globals.parameters {
        if !difference(&parameter.acl.initial, &parameter.acl.current).is_empty() {
            drafts.push((Subject::Parameter(parameter), parameter_draft(parameter, &globals.bootstrap, cx)));
        }
    }
    for tablespace in &globals.tablespaces {
        let own = tablespace_drafts(tablespace, cx).into_iter();
        drafts.extend(own.map(|draft| (Subject::Tablespace(tablespace), draft)));
    }
    drafts
}

fn bare((class, oid): (Class, Oid), name: &str, desc: &'static str, kind: EntryKind) -> Draft {
    Draft { kind, ..Draft::of(ObjectId { class, oid }, name, desc, Section::PreData) }
}

fn role_drafts(role: &Role) -> Vec<Draft> {
    let object = (Class::Role, role.oid);
    let name = quote_ident(&role.name);
    let mut create = bare(object, &role.name, "ROLE", EntryKind::Create);
    let attributes = attributes(role);
    create.create.push(match attributes.is_empty() {
        true => format!("CREATE ROLE {name}"),
        false => format!("CREATE ROLE {name} WITH {}", attributes.join(" ")),
    });
    let mut drafts = vec![create];
    if let Some(hash) = &role.password {
        // Apart, so that the role itself can be shown.
        let mut password = bare(object, &role.name, "ROLE PASSWORD", EntryKind::ClusterProperties);
        password.create.push(format!("ALTER ROLE {name} PASSWORD {}", quote_literal(hash)));
        password.secret = true;
        drafts.push(password);
    }
    drafts.extend(remarks(object, ("ROLE", &role.name), role.comment.as_deref(), &role.labels));
    drafts
}

/// What `CREATE ROLE` would not do by itself, in the order of the manual.
fn attributes(role: &Role) -> Vec<String> {
    let words = [
        (role.superuser, "SUPERUSER"),
        (!role.inherit, "NOINHERIT"),
        (role.create_role, "CREATEROLE"),
        (role.create_db, "CREATEDB"),
        (role.login, "LOGIN"),
        (role.replication, "REPLICATION"),
        (role.bypass_rls, "BYPASSRLS"),
    ];
    let mut attributes: Vec<String> = words.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()).collect();
    if role.connection_limit != -1 {
        attributes.push(format!("CONNECTION LIMIT {}", role.connection_limit));
    }
    attributes.extend(role.valid_until.iter().map(|moment| format!("VALID UNTIL {}", quote_literal(moment))));
    attributes
}

/// Comment and labels.
fn remarks(
    object: (Class, Oid),
    (word, name): (&str, &str),
    comment: Option<&str>,
    labels: &[(String, String)],
) -> Vec<Draft> {
    let (tag, on) = (format!("{word} {name}"), format!("{word} {}", quote_ident(name)));
    let mut drafts = Vec::new();
    if let Some(text) = comment {
        let mut draft = bare(object, &tag, "COMMENT", EntryKind::Comment);
        draft.create.push(format!("COMMENT ON {on} IS {}", quote_literal(text)));
        drafts.push(draft);
    }
    if !labels.is_empty() {
        let mut draft = bare(object, &tag, "SECURITY LABEL", EntryKind::SecurityLabel);
        draft.create.extend(labels.iter().map(|(provider, label)| {
            format!("SECURITY LABEL FOR {} ON {on} IS {}", quote_ident(provider), quote_literal(label))
        }));
        drafts.push(draft);
    }
    drafts
}

/// `ALTER ROLE … SET`; without a role, for all of them.
fn settings(role: Option<&Role>, settings: &[(String, String)]) -> Draft {
    let object = (Class::Role, role.map_or(Oid(0), |role| role.oid));
    let name = role.map_or("ALL", |role| &role.name);
    let who = role.map_or("ALL".into(), |role| quote_ident(&role.name));
    let mut draft = bare(object, name, "ROLE SETTINGS", EntryKind::ClusterProperties);
    let set = |(parameter, value): &(String, String)| {
        format!("ALTER ROLE {who} SET {}", setting::assignment(parameter, value))
    };
    draft.create.extend(settings.iter().map(set));
    draft
}

/// Memberships in an order in which each grantor already holds the admin option, role by role: at first only the
/// bootstrap superuser may grant. What no order serves (it cannot come from a sound server) stands at the end of its role.
fn grantable(globals: &Globals) -> Vec<&Membership> {
    let mut sorted: Vec<&Membership> = globals.memberships.iter().collect();
    sorted.sort_by(|a, b| (&a.role, &a.member, &a.grantor).cmp(&(&b.role, &b.member, &b.grantor)));
    let mut order = Vec::with_capacity(sorted.len());
    for group in sorted.chunk_by(|a, b| a.role == b.role) {
        let mut admins = HashSet::from([globals.bootstrap.as_str()]);
        let mut waiting = group.to_vec();
        loop {
            let may =
                |membership: &&Membership| membership.grantor.as_deref().is_none_or(|grantor| admins.contains(grantor));
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(may);
            admins.extend(ready.iter().filter(|membership| membership.admin).map(|m| m.member.as_str()));
            waiting = rest;
            if ready.is_empty() {
                break;
            }
            order.extend(ready);
        }
        order.extend(waiting);
    }
    order
}

/// Memberships that were written so far, with their admin option: servers before 16 keep one of each.
type Granted<'a> = HashMap<(&'a str, &'a str), bool>;

fn membership_draft<'a>(
    membership: &'a Membership,
    globals: &Globals,
    granted: &mut Granted<'a>,
    cx: &Context<'_>,
) -> Draft {
    let Membership { role, member, grantor, .. } = membership;
    let mut name = format!("{role} TO {member}");
    if let Some(grantor) = grantor.as_ref().filter(|grantor| **grantor != globals.bootstrap) {
        name.push_str(&format!(" GRANTED BY {grantor}"));
    }
    let mut draft = bare((Class::Role, membership.oid), &name, "ROLE MEMBERSHIP", EntryKind::ClusterProperties);
    if let Some(missing) = [role, member].into_iter().find(|role| since(role).is_some_and(|since| !cx.has(since))) {
        draft.losses.push(format!("role {missing} is not known to that version"));
        return draft;
    }
    if !cx.has(Feature::MembershipOptions) {
        draft.losses.extend(lost_options(membership, globals));
        let key = (role.as_str(), member.as_str());
        let before = granted.get(&key).copied();
        granted.insert(key, membership.admin || before.unwrap_or_default());
        if let Some(admin) = before {
            draft.losses.push("a second grant of the same: that version keeps one".to_owned());
            if admin || !membership.admin {
                return draft;
            }
        }
    }
    draft.create.push(grant(membership, &globals.bootstrap, cx));
    draft
}

/// The statement. The bootstrap superuser is not named as grantor: it is who grants when a superuser does, whatever its name
/// is on the target.
pub(crate) fn grant(membership: &Membership, bootstrap: &str, cx: &Context<'_>) -> String {
    let mut options = Vec::new();
    if membership.admin {
        options.push("ADMIN OPTION".to_owned());
    }
    if cx.has(Feature::MembershipOptions) {
        options.extend(membership.inherit.map(|inherit| format!("INHERIT {}", truth(inherit))));
        options.extend((membership.set == Some(false)).then(|| "SET FALSE".to_owned()));
    }
    let mut sql = format!("GRANT {} TO {}", quote_ident(&membership.role), quote_ident(&membership.member));
    if !options.is_empty() {
        sql.push_str(&format!(" WITH {}", options.join(", ")));
    }
    if let Some(grantor) = membership.grantor.as_ref().filter(|grantor| *grantor != bootstrap) {
        sql.push_str(&format!(" GRANTED BY {}", quote_ident(grantor)));
    }
    sql
}

fn truth(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// Options that differ from how servers before 16 treat every membership.
fn lost_options(membership: &Membership, globals: &Globals) -> Vec<String> {
    let inherits = globals.role(&membership.member).is_none_or(|member| member.inherit);
    let mut lost = Vec::new();
    if let Some(inherit) = membership.inherit.filter(|inherit| *inherit != inherits) {
        lost.push(format!("INHERIT {}: there the member's own attribute decides", truth(inherit)));
    }
    if membership.set == Some(false) {
        lost.push("SET FALSE: there every member may SET ROLE".to_owned());
    }
    lost
}

/// What brought a predefined role; `None` for those all supported versions have, and for those of users.
fn since(role: &str) -> Option<Feature> {
    match role {
        "pg_checkpoint" => Some(Feature::RoleCheckpoint),
        "pg_create_subscription" | "pg_use_reserved_connections" => Some(Feature::RolesOf16),
        "pg_maintain" => Some(Feature::MaintainPrivilege),
        "pg_signal_autovacuum_worker" => Some(Feature::RoleSignalAutovacuum),
        _ => None,
    }
}

/// Privileges on a parameter; parameters belong to the bootstrap superuser.
pub(crate) fn parameter_draft(parameter: &Parameter, bootstrap: &str, cx: &Context<'_>) -> Draft {
    let object = (Class::Parameter, parameter.oid);
    let mut draft = bare(object, &format!("PARAMETER {}", parameter.name), "PARAMETER ACL", EntryKind::Acl);
    if cx.has(Feature::ParameterPrivileges) {
        let name = setting::name(&parameter.name);
        let scope = Scope { word: "PARAMETER", on: &name, column: None, owner: bootstrap };
        scope.change(&parameter.acl.initial, &parameter.acl.current, &mut draft, cx);
    } else {
        draft.losses.push("that version has no privileges on parameters".to_owned());
    }
    draft
}

fn tablespace_drafts(tablespace: &Tablespace, cx: &Context<'_>) -> Vec<Draft> {
    let object = (Class::Tablespace, tablespace.oid);
    let name = quote_ident(&tablespace.name);
    let mut create = bare(object, &tablespace.name, "TABLESPACE", EntryKind::Create);
    create.owner.clone_from(&tablespace.owner);
    // One statement, because it runs in no transaction: interrupted, all of it is there or nothing.
    let mut sql = format!("CREATE TABLESPACE {name}");
    if let Some(owner) = &tablespace.owner {
        sql.push_str(&format!(" OWNER {}", quote_ident(owner)));
    }
    sql.push_str(&format!(" LOCATION {}", quote_literal(&tablespace.location)));
    let option = |(name, value): &(String, String)| format!("{} = {}", quote_ident(name), quote_literal(value));
    if !tablespace.options.is_empty() {
        sql.push_str(&format!(" WITH ({})", tablespace.options.iter().map(option).collect::<Vec<_>>().join(", ")));
    }
    create.create.push(sql);
    let mut drafts = vec![create];
    let comment = tablespace.comment.as_deref();
    drafts.extend(remarks(object, ("TABLESPACE", &tablespace.name), comment, &tablespace.labels));
    if let Some(acl) = &tablespace.acl {
        let mut draft = bare(object, &format!("TABLESPACE {}", tablespace.name), "ACL", EntryKind::Acl);
        let owner = tablespace.owner.as_deref().unwrap_or_default();
        let scope = Scope { word: "TABLESPACE", on: &name, column: None, owner };
        scope.change(&acl.initial, &acl.current, &mut draft, cx);
        drafts.push(draft);
    }
    drafts
}

#[cfg(test)]
mod tests;
