//! Row-level security policies.

use super::draft::{Context, Draft};
use super::relation::{list, name, parent, part};
use super::{LockKind, Section};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// Entries of a policy: one.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Policy(policy), Some(table)) = (&object.body, parent(object, cx)) else { return Vec::new() };
    if object.extension.is_some() || table.extension.is_some() {
        return Vec::new();
    }
    let mut draft = part(Draft::new(object, "POLICY", Section::PostData), table);
    let mut sql = format!("CREATE POLICY {} ON {}", quote_ident(&object.name), name(table));
    if !policy.permissive {
        sql.push_str(" AS RESTRICTIVE");
    }
    if let Some(command) = &policy.command {
        sql.push_str(&format!(" FOR {command}"));
    }
    if !policy.roles.is_empty() {
        sql.push_str(&format!(" TO {}", list(&policy.roles)));
    }
    if let Some(using) = &policy.using {
        sql.push_str(&format!(" USING ({using})"));
    }
    if let Some(check) = &policy.check {
        sql.push_str(&format!(" WITH CHECK ({check})"));
    }
    draft.create.push(sql);
    draft.drop = Some(format!("DROP POLICY IF EXISTS {} ON {}", quote_ident(&object.name), name(table)));
    draft.locks = vec![(table.id, LockKind::Exclusive)];
    draft.after.push(table.id);
    vec![draft]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::catalog::policy::Policy;
    use crate::ddl::sample::{on_table, sql, table, table_object};

    #[test]
    fn a_policy_says_only_what_is_not_the_default() {
        let plain =
            Policy { permissive: true, command: None, roles: Vec::new(), using: Some("true".to_owned()), check: None };
        let full = Policy {
            permissive: false,
            command: Some("UPDATE".to_owned()),
            roles: vec!["a".to_owned(), "B c".to_owned()],
            using: Some("(x > 0)".to_owned()),
            check: Some("y".to_owned()),
        };
        let statement = |body| {
            let policy = on_table(Class::Policy, 10, "p", Body::Policy(body));
            sql(&[policy, table_object(1, "t", table(Vec::new()))], 0, 14, entries).remove(0)
        };
        assert_eq!(statement(plain), "CREATE POLICY p ON s.t USING (true)");
        let expected = "CREATE POLICY p ON s.t AS RESTRICTIVE FOR UPDATE TO a, \"B c\" USING ((x > 0)) WITH CHECK (y)";
        assert_eq!(statement(full), expected);
    }
}
