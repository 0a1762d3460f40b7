//! Default privileges: `ALTER DEFAULT PRIVILEGES`, after everything they could act on.

use super::acl::{difference, unknown_maintain};
use super::draft::{Context, Draft};
use super::{EntryKind, Section};
use crate::catalog::default_acl::DefaultAcl;
use crate::catalog::features::Feature;
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// The entry of one role's default privileges for one kind of objects.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::DefaultAcl(body), Some(acl)) = (&object.body, &object.acl) else { return Vec::new() };
    let (word, all) = kind(body);
    let mut draft = Draft::new(object, "DEFAULT ACL", Section::PostData);
    draft.kind = EntryKind::Acl;
    draft.name = title(body);
    if body.kind == "L" && !cx.has(Feature::LargeObjectDefaultPrivileges) {
        draft.losses.push(format!("{} of {}", draft.name, object.name));
        return vec![draft];
    }
    let role = quote_ident(object.owner.as_deref().unwrap_or(&object.name));
    let schema = object.schema.as_deref().map(|schema| format!(" IN SCHEMA {}", quote_ident(schema)));
    let prefix = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {role}{}", schema.unwrap_or_default());
    let maintain = acl.initial.iter().chain(&acl.current).any(|item| item.privilege == "MAINTAIN");
    let with_maintain: Vec<&str> = all.iter().copied().chain(["MAINTAIN"]).collect();
    let unknown = unknown_maintain(&acl.current, &with_maintain, cx);
    let losses: Vec<_> = unknown.map(|role| format!("privilege MAINTAIN for {role} in {}", draft.name)).collect();
    draft.losses.extend(losses);
    for change in difference(&acl.initial, &acl.current) {
        let refused = change.unknown_refusal(&with_maintain, &draft.name, cx);
        draft.losses.extend(refused);
        let has = |privilege: &&str| change.privileges.contains(privilege);
        let whole = all.iter().all(has) && (!maintain || has(&"MAINTAIN") || word != "TABLES");
        let privileges = if whole { "ALL".to_owned() } else { known(&change.privileges, cx).join(", ") };
        if !privileges.is_empty() {
            draft.create.push(format!("{prefix} {}", change.statement(&privileges, word)));
        }
    }
    if difference(&acl.initial, &acl.current).is_empty() { Vec::new() } else { vec![draft] }
}

/// `DEFAULT PRIVILEGES FOR TABLES`.
pub(super) fn title(body: &DefaultAcl) -> String {
    format!("DEFAULT PRIVILEGES FOR {}", kind(body).0)
}

/// What ALTER DEFAULT PRIVILEGES calls the objects, and what ALL means for them.
fn kind(body: &DefaultAcl) -> (&'static str, &'static [&'static str]) {
    match body.kind.as_str() {
        "r" => ("TABLES", &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]),
        "S" => ("SEQUENCES", &["SELECT", "USAGE", "UPDATE"]),
        "f" => ("FUNCTIONS", &["EXECUTE"]),
        "T" => ("TYPES", &["USAGE"]),
        "n" => ("SCHEMAS", &["USAGE", "CREATE"]),
        _ => ("LARGE OBJECTS", &["SELECT", "UPDATE"]),
    }
}

fn known<'a>(privileges: &[&'a str], cx: &Context<'_>) -> Vec<&'a str> {
    let has = |privilege: &&&str| **privilege != "MAINTAIN" || cx.has(Feature::MaintainPrivilege);
    privileges.iter().filter(has).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Acl, AclItem, Class};
    use crate::ddl::sample::{drafts, object};

    fn item(grantee: Option<&str>, privilege: &str) -> AclItem {
        let grantee = grantee.map(str::to_owned);
        AclItem { grantee, grantor: "o".into(), privilege: privilege.into(), grantable: false }
    }

    fn default_acl(kind: &str, acl: Acl) -> Object {
        let object = object(Class::DefaultAcl, 1, "o", Body::DefaultAcl(DefaultAcl { kind: kind.into() }));
        Object { acl: Some(Box::new(acl)), ..object }
    }

    #[test]
    fn the_difference_is_put_on_the_role_and_schema() {
        let acl = Acl { current: vec![item(Some("r"), "USAGE")], ..Acl::default() };
        let draft = drafts(&[default_acl("T", acl)], 0, 18, entries).remove(0);
        assert_eq!(draft.create, ["ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA s GRANT ALL ON TYPES TO r"]);
        let acl = Acl { initial: vec![item(None, "EXECUTE")], ..Acl::default() };
        let global = Object { schema: None, ..default_acl("f", acl) };
        let draft = drafts(&[global], 0, 18, entries).remove(0);
        assert_eq!(draft.create, ["ALTER DEFAULT PRIVILEGES FOR ROLE o REVOKE ALL ON FUNCTIONS FROM PUBLIC"]);
        assert_eq!(draft.name, "DEFAULT PRIVILEGES FOR FUNCTIONS");
    }

    #[test]
    fn what_an_older_target_lacks_is_named() {
        let acl = Acl { current: vec![item(Some("r"), "SELECT")], ..Acl::default() };
        let draft = drafts(&[default_acl("L", acl)], 0, 17, entries).remove(0);
        assert_eq!((draft.create.len(), draft.losses.len()), (0, 1));
        let acl = Acl { current: vec![item(Some("r"), "MAINTAIN"), item(Some("r"), "SELECT")], ..Acl::default() };
        let draft = drafts(&[default_acl("r", acl)], 0, 16, entries).remove(0);
        let expected = "ALTER DEFAULT PRIVILEGES FOR ROLE o IN SCHEMA s GRANT SELECT ON TABLES TO r";
        assert_eq!((draft.create, draft.losses.len()), (vec![expected.to_owned()], 1));
    }
}
