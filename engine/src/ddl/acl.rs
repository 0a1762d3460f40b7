//! GRANT and REVOKE: the smallest set of statements from what creation gives to what is in force.
//!
//! Statements follow the order of the stored ACL, so that the target stores it in the same order. Grants somebody else
//! than the owner made are made by that role again (`SET SESSION AUTHORIZATION`), because they fall with its own right.

use super::draft::{Context, Draft};
use super::identity::{identity, relation_of, tag};
use super::relation::name;
use super::{EntryKind, Section};
use crate::catalog::features::Feature;
use crate::catalog::function::RoutineKind;
use crate::catalog::{Acl, AclItem, Body, Object};
use crate::sql::quote_ident;

/// Entries of an object's privileges: none where they are what creation gives.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let Some(acl) = &object.acl else { return Vec::new() };
    let Some((word, on)) = guarded(object) else { return Vec::new() };
    let owner = object.owner.as_deref().unwrap_or_default();
    let mut draft = Draft::new(object, "ACL", if word == "LARGE OBJECT" { Section::Data } else { Section::PostData });
    draft.kind = EntryKind::Acl;
    draft.relation = relation_of(object);
    draft.name = format!("{} {}", identity(object, cx).map_or(word, |identity| identity.word), tag(object));
    draft.after.extend(object.parent);
    let initial = initial(object, acl, cx);
    for on in on {
        let scope = Scope { word, on: &on, column: None, owner };
        scope.change(&initial, &acl.current, &mut draft, cx);
    }
    let none = Vec::new();
    let before = |column: &str| {
        let found = acl.initial_columns.iter().find(|(name, _)| name == column);
        found.map_or(&none, |(_, items)| items)
    };
    for (column, items) in &acl.columns {
        let scope = Scope { word: "TABLE", on: &name(object), column: Some(column), owner };
        scope.change(before(column), items, &mut draft, cx);
    }
    for (column, items) in &acl.initial_columns {
        if !acl.columns.iter().any(|(name, _)| name == column) {
            let scope = Scope { word: "TABLE", on: &name(object), column: Some(column), owner };
            scope.change(items, &none, &mut draft, cx);
        }
    }
    // The same entries for every target, even where nothing is left to say.
    let columns_differ = acl.columns != acl.initial_columns;
    let differs = is_public(object) || columns_differ || !difference(&acl.initial, &acl.current).is_empty();
    if differs { vec![draft] } else { Vec::new() }
}

/// `public` is there before us, with privileges that depend on the target.
fn is_public(object: &Object) -> bool {
    object.builtin && matches!(object.body, Body::Schema(_))
}

/// What GRANT calls the object, and its names: a batch of large objects has many.
fn guarded(object: &Object) -> Option<(&'static str, Vec<String>)> {
    let (word, name) = match &object.body {
        Body::Schema(_) => ("SCHEMA", quote_ident(&object.name).into_owned()),
        Body::Type(_) => ("TYPE", name(object)),
        Body::Function(function) => {
            let word = if function.kind == RoutineKind::Procedure { "PROCEDURE" } else { "FUNCTION" };
            // GRANT knows aggregates as functions of their input types, without star or ORDER BY.
            let arguments = match function.kind {
                RoutineKind::Aggregate => function.signature.trim_start_matches('*'),
                _ => &function.identity_arguments,
            };
            (word, format!("{}({arguments})", name(object)))
        }
        Body::Sequence(_) => ("SEQUENCE", name(object)),
        Body::Table(_) | Body::View(_) => ("TABLE", name(object)),
        Body::ForeignDataWrapper(_) => ("FOREIGN DATA WRAPPER", quote_ident(&object.name).into_owned()),
        Body::ForeignServer(_) => ("FOREIGN SERVER", quote_ident(&object.name).into_owned()),
        Body::Language(_) => ("LANGUAGE", quote_ident(&object.name).into_owned()),
        Body::LargeObject(batch) => {
            return Some(("LARGE OBJECT", batch.oids.iter().map(|oid| oid.0.to_string()).collect()));
        }
        Body::System(system) => {
            let known = ["TABLE", "FUNCTION", "PROCEDURE", "LANGUAGE", "TYPE", "SCHEMA"];
            (known.into_iter().find(|word| *word == system.word)?, system.identity.clone())
        }
        _ => return None,
    };
    Some((word, vec![name]))
}

/// What the target gives at creation. `public` is there already, with what the target's `initdb` gave it: since 15
/// only USAGE to everybody, before also CREATE.
fn initial(object: &Object, acl: &Acl, cx: &Context<'_>) -> Vec<AclItem> {
    if !is_public(object) {
        return acl.initial.clone();
    }
    let owner = object.owner.clone().unwrap_or_default();
    let item = |grantee: Option<&String>, privilege: &str| AclItem {
        grantee: grantee.cloned(),
        grantor: owner.clone(),
        privilege: privilege.to_owned(),
        grantable: false,
    };
    let mut items = vec![item(Some(&owner), "USAGE"), item(Some(&owner), "CREATE"), item(None, "USAGE")];
    if !cx.has(Feature::PublicSchemaClosed) {
        items.push(item(None, "CREATE"));
    }
    items
}

/// Every privilege that ALL stands for. MAINTAIN came with 17: it belongs to ALL where the source had it or the target
/// has it.
fn all_privileges(word: &str, column: bool, maintain: bool) -> Vec<&'static str> {
    let mut all = match word {
        _ if column => vec!["SELECT", "INSERT", "UPDATE", "REFERENCES"],
        "TABLE" => vec!["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
        "SEQUENCE" => vec!["SELECT", "USAGE", "UPDATE"],
        "FUNCTION" | "PROCEDURE" => vec!["EXECUTE"],
        "SCHEMA" => vec!["USAGE", "CREATE"],
        "LARGE OBJECT" => vec!["SELECT", "UPDATE"],
        "DATABASE" => vec!["CREATE", "CONNECT", "TEMPORARY"],
        "TABLESPACE" => vec!["CREATE"],
        "PARAMETER" => vec!["SET", "ALTER SYSTEM"],
        _ => vec!["USAGE"],
    };
    if maintain && word == "TABLE" && !column {
        all.push("MAINTAIN");
    }
    all
}

/// What privileges are granted on, and how to say so.
pub(super) struct Scope<'a> {
    /// Object type as GRANT calls it.
    pub word: &'static str,
    /// Name as SQL text.
    pub on: &'a str,
    /// Column, unquoted.
    pub column: Option<&'a str>,
    /// Owner: grants of others need their session.
    pub owner: &'a str,
}

/// The grants one role made to another (or to PUBLIC), in the order they are stored in.
struct Group<'a> {
    grantee: Option<&'a str>,
    grantor: &'a str,
    items: Vec<&'a AclItem>,
}

fn groups(items: &[AclItem]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for item in items {
        let (grantee, grantor) = (item.grantee.as_deref(), item.grantor.as_str());
        match groups.iter_mut().find(|group| group.grantee == grantee && group.grantor == grantor) {
            Some(group) => group.items.push(item),
            None => groups.push(Group { grantee, grantor, items: vec![item] }),
        }
    }
    groups
}

/// A difference between two ACLs, without saying on what: also the body of ALTER DEFAULT PRIVILEGES.
pub(super) struct Change<'a> {
    /// `REVOKE`, `REVOKE GRANT OPTION FOR`, `GRANT`.
    pub revoke: bool,
    /// Only the option is taken or given.
    pub option: bool,
    /// Privileges, in stored order.
    pub privileges: Vec<&'a str>,
    /// Role, `None` for PUBLIC.
    pub grantee: Option<&'a str>,
    /// Who grants.
    pub grantor: &'a str,
}

/// From one ACL to another: first what is taken, then what is given.
pub(super) fn difference<'a>(initial: &'a [AclItem], current: &'a [AclItem]) -> Vec<Change<'a>> {
    let find = |items: &'a [AclItem], item: &AclItem| {
        let same = |other: &&'a AclItem| {
            other.grantee == item.grantee && other.grantor == item.grantor && other.privilege == item.privilege
        };
        items.iter().find(same)
    };
    let mut changes = Vec::new();
    let mut push = |group: &Group<'a>, (revoke, option): (bool, bool), which: &dyn Fn(&AclItem) -> bool| {
        let privileges: Vec<&'a str> =
            group.items.iter().filter(|item| which(item)).map(|item| item.privilege.as_str()).collect();
        if !privileges.is_empty() {
            let (grantee, grantor) = (group.grantee, group.grantor);
            changes.push(Change { revoke, option, privileges, grantee, grantor });
        }
    };
    for group in groups(initial) {
        push(&group, (true, false), &|item| find(current, item).is_none());
        push(&group, (true, true), &|item| item.grantable && find(current, item).is_some_and(|now| !now.grantable));
    }
    for group in groups(current) {
        push(&group, (false, false), &|item| !item.grantable && find(initial, item).is_none());
        push(&group, (false, true), &|item| item.grantable && !find(initial, item).is_some_and(|was| was.grantable));
    }
    changes
}

/// The roles (or PUBLIC) whose MAINTAIN an older target (before 17) cannot write down, the owner's too: there an owner may
/// maintain what is his in any case, but a later upgrade would not find the privilege again. Where it is part of ALL, the
/// older server's ALL stands for it, as it does in a script of `pg_dump`.
pub(super) fn unknown_maintain<'a>(
    current: &'a [AclItem],
    all: &'a [&str],
    cx: &Context<'_>,
) -> impl Iterator<Item = &'a str> {
    let lost = move |group: &Group<'a>| {
        let maintain = group.items.iter().find(|item| item.privilege == "MAINTAIN");
        let like_it = |name: &&str| {
            group
                .items
                .iter()
                .any(|item| item.privilege == *name && maintain.is_some_and(|m| m.grantable == item.grantable))
        };
        maintain.is_some() && !all.iter().all(like_it)
    };
    let groups = if cx.has(Feature::MaintainPrivilege) { Vec::new() } else { groups(current) };
    groups.into_iter().filter(lost).map(|group| group.grantee.unwrap_or("PUBLIC"))
}

impl Change<'_> {
    /// That somebody has all but MAINTAIN cannot be said on servers without that privilege.
    pub(super) fn unknown_refusal(&self, all: &[&str], on: &str, cx: &Context<'_>) -> Option<String> {
        let has = |name: &&str| self.privileges.contains(name);
        let partly = self.revoke && !self.option && has(&"MAINTAIN") && !all.iter().all(has);
        let grantee = self.grantee.unwrap_or("PUBLIC");
        (partly && !cx.has(Feature::MaintainPrivilege)).then(|| format!("that {grantee} has no MAINTAIN on {on}"))
    }

    /// `GRANT … ON … TO …`: the privileges as given, `on` with its key word.
    pub(super) fn statement(&self, privileges: &str, on: &str) -> String {
        let grantee = self.grantee.map_or_else(|| "PUBLIC".to_owned(), |role| quote_ident(role).into_owned());
        match (self.revoke, self.option) {
            (true, false) => format!("REVOKE {privileges} ON {on} FROM {grantee}"),
            (true, true) => format!("REVOKE GRANT OPTION FOR {privileges} ON {on} FROM {grantee}"),
            (false, false) => format!("GRANT {privileges} ON {on} TO {grantee}"),
            (false, true) => format!("GRANT {privileges} ON {on} TO {grantee} WITH GRANT OPTION"),
        }
    }
}

impl Scope<'_> {
    /// Appends the statements that lead from one ACL to another.
    pub(super) fn change(&self, initial: &[AclItem], current: &[AclItem], draft: &mut Draft, cx: &Context<'_>) {
        // A source that does not know MAINTAIN grants less with ALL than a target that does.
        let maintain = cx.has(Feature::MaintainPrivilege)
            || initial.iter().chain(current).any(|item| item.privilege == "MAINTAIN");
        let all = all_privileges(self.word, self.column.is_some(), maintain);
        let unknown =
            unknown_maintain(current, &all, cx).map(|role| format!("privilege MAINTAIN on {} for {role}", self.on));
        draft.losses.extend(unknown);
        for change in difference(initial, current) {
            draft.losses.extend(change.unknown_refusal(&all, self.on, cx));
            let Some(privileges) = self.privileges(&change, &all, cx) else { continue };
            let statement = change.statement(&privileges, &format!("{} {}", self.word, self.on));
            if change.grantor == self.owner {
                draft.create.push(statement);
            } else {
                draft.create.push(format!("SET SESSION AUTHORIZATION {}", quote_ident(change.grantor)));
                draft.create.push(statement);
                draft.create.push("RESET SESSION AUTHORIZATION".to_owned());
            }
        }
    }

    /// `ALL`, or the privileges the target knows; `None` if it knows none of them.
    fn privileges(&self, change: &Change<'_>, all: &[&str], cx: &Context<'_>) -> Option<String> {
        let column = self.column.map(|column| format!("({})", quote_ident(column))).unwrap_or_default();
        if all.iter().all(|privilege| change.privileges.contains(privilege)) {
            return Some(format!("ALL{column}"));
        }
        let known = change.privileges.iter().filter(|name| **name != "MAINTAIN" || cx.has(Feature::MaintainPrivilege));
        let known: Vec<_> = known.collect();
        let known = known.iter().map(|privilege| format!("{privilege}{column}")).collect::<Vec<_>>();
        (!known.is_empty()).then(|| known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::features::Features;
    use crate::catalog::schema::Schema;
    use crate::catalog::{Class, ObjectId};
    use crate::ids::{Oid, ServerVersion};

    fn item(text: &str) -> AclItem {
        // grantee=PRIVILEGE[*]/grantor
        let (grantee, rest) = text.split_once('=').unwrap_or_default();
        let (privilege, grantor) = rest.split_once('/').unwrap_or_default();
        AclItem {
            grantee: (!grantee.is_empty()).then(|| grantee.to_owned()),
            grantor: grantor.to_owned(),
            privilege: privilege.trim_end_matches('*').to_owned(),
            grantable: privilege.ends_with('*'),
        }
    }

    fn items(texts: &[&str]) -> Vec<AclItem> {
        texts.iter().map(|text| item(text)).collect()
    }

    fn schema(name: &str, owner: &str, acl: Acl) -> Object {
        let id = ObjectId { class: Class::Schema, oid: Oid(20000) };
        let mut object = Object::new(id, name, Body::Schema(Schema::default()));
        object.owner = Some(owner.to_owned());
        object.acl = Some(Box::new(acl));
        object.builtin = name == "public";
        object
    }

    fn written(object: &Object, target: u32) -> (Vec<String>, Vec<String>) {
        let features = Features::of(ServerVersion::from_major(target));
        let cx = Context::of(std::slice::from_ref(object), features, HashSet::new());
        let drafts = entries(object, &cx);
        let losses = drafts.iter().flat_map(|draft| draft.losses.clone()).collect();
        (drafts.into_iter().flat_map(|draft| draft.create).collect(), losses)
    }

    fn owner_has(privileges: &[&str]) -> Vec<AclItem> {
        privileges.iter().map(|p| item(&format!("o={p}/o"))).collect()
    }

    #[test]
    fn only_the_difference_is_written_and_others_grant_in_their_own_name() {
        let current = items(&["o=CREATE/o", "r=USAGE*/o", "=USAGE/o", "s=USAGE/r", "a b=USAGE/o", "a b=CREATE/o"]);
        let acl = Acl { current, initial: owner_has(&["USAGE", "CREATE"]), ..Acl::default() };
        let (create, losses) = written(&schema("s", "o", acl), 18);
        let expected = [
            "REVOKE USAGE ON SCHEMA s FROM o",
            "GRANT USAGE ON SCHEMA s TO r WITH GRANT OPTION",
            "GRANT USAGE ON SCHEMA s TO PUBLIC",
            "SET SESSION AUTHORIZATION r",
            "GRANT USAGE ON SCHEMA s TO s",
            "RESET SESSION AUTHORIZATION",
            "GRANT ALL ON SCHEMA s TO \"a b\"",
        ];
        assert_eq!(create, expected);
        assert_eq!(losses, Vec::<String>::new());
    }

    #[test]
    fn equal_is_silent_and_empty_takes_everything() {
        let same = Acl { current: owner_has(&["USAGE"]), initial: owner_has(&["USAGE"]), ..Acl::default() };
        assert_eq!(written(&schema("s", "o", same), 18).0, Vec::<String>::new());
        let none = Acl { initial: owner_has(&["USAGE", "CREATE"]), ..Acl::default() };
        assert_eq!(written(&schema("s", "o", none), 18).0, ["REVOKE ALL ON SCHEMA s FROM o"]);
    }

    #[test]
    fn public_starts_from_what_the_targets_initdb_gave() {
        let current = items(&["o=USAGE/o", "o=CREATE/o", "=USAGE/o"]);
        let public = schema("public", "o", Acl { current, ..Acl::default() });
        assert_eq!(written(&public, 15).0, Vec::<String>::new());
        assert_eq!(written(&public, 14).0, ["REVOKE CREATE ON SCHEMA public FROM PUBLIC"]);
    }

    #[test]
    fn maintain_is_lost_before_17_unless_all_covers_it() {
        let all = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"];
        let mut current = owner_has(&all);
        current.extend(items(&["r=MAINTAIN/o", "w=SELECT/o", "w=MAINTAIN/o"]));
        current.extend(all.iter().map(|p| item(&format!("x={p}/o"))));
        let initial = owner_has(&all);
        let scope = Scope { word: "TABLE", on: "s.t", column: None, owner: "o" };
        let run = |major| {
            let mut draft = Draft::new(&schema("s", "o", Acl::default()), "ACL", Section::PostData);
            let features = Features::of(ServerVersion::from_major(major));
            scope.change(&initial, &current, &mut draft, &Context::of(&[], features, HashSet::new()));
            (draft.create, draft.losses)
        };
        let (create, losses) = run(17);
        assert_eq!(create[0], "GRANT MAINTAIN ON TABLE s.t TO r");
        assert_eq!((create.len(), losses.len()), (3, 0));
        let (create, losses) = run(16);
        assert_eq!(create, ["GRANT SELECT ON TABLE s.t TO w", "GRANT ALL ON TABLE s.t TO x"]);
        assert_eq!(losses, ["privilege MAINTAIN on s.t for r", "privilege MAINTAIN on s.t for w"]);
        // The owner's own, once his rights are no longer all there are.
        current.retain(|item| item.grantee.as_deref() == Some("o") && item.privilege != "TRUNCATE");
        let mut draft = Draft::new(&schema("s", "o", Acl::default()), "ACL", Section::PostData);
        let features = Features::of(ServerVersion::from_major(15));
        scope.change(&initial, &current, &mut draft, &Context::of(&[], features, HashSet::new()));
        assert_eq!(draft.create, ["REVOKE TRUNCATE ON TABLE s.t FROM o"]);
        assert_eq!(draft.losses, ["privilege MAINTAIN on s.t for o"]);
    }

    #[test]
    fn columns_are_named_with_each_privilege() {
        let current = items(&["r=SELECT/o", "r=UPDATE/o", "r=REFERENCES*/o"]);
        let scope = Scope { word: "TABLE", on: "t", column: Some("a b"), owner: "o" };
        let mut draft = Draft::new(&schema("s", "o", Acl::default()), "ACL", Section::PostData);
        let features = Features::of(ServerVersion::from_major(18));
        scope.change(&[], &current, &mut draft, &Context::of(&[], features, HashSet::new()));
        let expected = [
            "GRANT SELECT(\"a b\"), UPDATE(\"a b\") ON TABLE t TO r",
            "GRANT REFERENCES(\"a b\") ON TABLE t TO r WITH GRANT OPTION",
        ];
        assert_eq!(draft.create, expected);
    }
}
