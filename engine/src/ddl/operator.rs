//! Operators, operator classes and operator families.

use super::draft::{Context, Draft, Stage};
use super::identity::create;
use super::relation::name;
use super::{EntryKind, Section};
use crate::catalog::operator::{FamilyMember, Operator, OperatorClass, OperatorFamily};
use crate::catalog::{Body, Object};
use crate::sql::quote_ident;

/// `s.===`: the schema quoted, the operator as it is.
pub(super) fn operator_name(object: &Object) -> String {
    match &object.schema {
        Some(schema) => format!("{}.{}", quote_ident(schema), object.name),
        None => object.name.clone(),
    }
}

/// Entries of an operator, class or family.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    match &object.body {
        _ if object.extension.is_some() => Vec::new(),
        Body::Operator(operator) => vec![operator_entry(object, operator, cx)],
        Body::OperatorClass(class) if !object.builtin => vec![class_entry(object, class, cx)],
        Body::OperatorFamily(family) => family_entries(object, family, cx),
        _ => Vec::new(),
    }
}

fn operator_entry(object: &Object, operator: &Operator, cx: &Context<'_>) -> Draft {
    let mut draft = create(object, "OPERATOR", Section::PreData, cx);
    let Some(function) = &operator.function else {
        match operator.mentioned {
            // The operator that mentions it makes it again.
            true => draft.set_owner = None,
            false => draft.create = shell_statements(object, operator),
        }
        return draft;
    };
    let mut parts = vec![format!("FUNCTION = {function}")];
    let operator_of = |name: &String| format!("OPERATOR({name})");
    let optional = [
        ("LEFTARG", operator.left.clone()),
        ("RIGHTARG", operator.right.clone()),
        ("COMMUTATOR", operator.commutator.as_ref().map(operator_of)),
        ("NEGATOR", operator.negator.as_ref().map(operator_of)),
    ];
    parts.extend(optional.into_iter().filter_map(|(word, value)| Some(format!("{word} = {}", value?))));
    parts.extend(operator.merges.then(|| "MERGES".to_owned()));
    parts.extend(operator.hashes.then(|| "HASHES".to_owned()));
    parts.extend(operator.restrict.as_ref().map(|function| format!("RESTRICT = {function}")));
    parts.extend(operator.join.as_ref().map(|function| format!("JOIN = {function}")));
    draft.create.push(format!("CREATE OPERATOR {} (\n    {}\n)", operator_name(object), parts.join(",\n    ")));
    draft
}

/// Only a mention makes an operator that is declared and not defined: a short-lived operator names it as its negator.
fn shell_statements(object: &Object, operator: &Operator) -> Vec<String> {
    const MENTIONING: &str = "|#@%&?~";
    let schema = object.schema.as_deref().map_or(String::new(), |schema| format!("{}.", quote_ident(schema)));
    let sides = [&operator.left, &operator.right];
    let types = sides.map(|side| side.clone().into_iter().collect::<Vec<_>>()).concat().join(", ");
    let arguments = sides.map(|side| side.as_deref().unwrap_or("NONE")).join(", ");
    let words = ["LEFTARG", "RIGHTARG"].iter().zip(sides);
    let operands = words.filter_map(|(word, side)| Some(format!("{word} = {}, ", side.as_ref()?))).collect::<String>();
    let function = format!("{schema}pgfreight_shell_operator");
    vec![
        format!("CREATE FUNCTION {function}({types}) RETURNS boolean LANGUAGE sql AS 'SELECT true'"),
        format!(
            "CREATE OPERATOR {schema}{MENTIONING} (FUNCTION = {function}, {operands}NEGATOR = OPERATOR({}))",
            operator_name(object)
        ),
        format!("DROP OPERATOR {schema}{MENTIONING} ({arguments})"),
        format!("DROP FUNCTION {function}({types})"),
    ]
}

fn class_entry(object: &Object, class: &OperatorClass, cx: &Context<'_>) -> Draft {
    let mut draft = create(object, "OPERATOR CLASS", Section::PreData, cx);
    draft.after.extend(class.family_id);
    let default = if class.default { " DEFAULT" } else { "" };
    let mut sql = format!(
        "CREATE OPERATOR CLASS {}\n   {default} FOR TYPE {} USING {} FAMILY {} AS\n    ",
        name(object),
        class.input,
        quote_ident(&class.method),
        class.family,
    );
    let mut items: Vec<String> = class.storage.iter().map(|storage| format!("STORAGE {storage}")).collect();
    items.extend(class.members.iter().map(member));
    if items.is_empty() {
        // The grammar wants at least one item, and a storage type equal to the input type is none.
        items.push(format!("STORAGE {}", class.input));
    }
    sql.push_str(&items.join(",\n    "));
    draft.create.push(sql);
    draft
}

fn family_entries(object: &Object, family: &OperatorFamily, cx: &Context<'_>) -> Vec<Draft> {
    let mut entries = Vec::new();
    if !object.builtin {
        let mut draft = create(object, "OPERATOR FAMILY", Section::PreData, cx);
        draft.create.push(format!("CREATE OPERATOR FAMILY {} USING {}", name(object), quote_ident(&family.method)));
        entries.push(draft);
    }
    if !family.members.is_empty() {
        let mut draft = Draft::new(object, "OPERATOR FAMILY", Section::PreData);
        if object.builtin {
            draft.owner = None;
        } else {
            draft.stage = Stage::Attach;
        }
        draft.kind = EntryKind::Create;
        let members = family.members.iter().map(member).collect::<Vec<_>>().join(",\n    ");
        let method = quote_ident(&family.method);
        draft.create.push(format!("ALTER OPERATOR FAMILY {} USING {method} ADD\n    {members}", name(object)));
        entries.push(draft);
    }
    entries
}

fn member(member: &FamilyMember) -> String {
    match member {
        FamilyMember::Operator { strategy, operator, order_by: Some(family) } => {
            format!("OPERATOR {strategy} {operator} FOR ORDER BY {family}")
        }
        FamilyMember::Operator { strategy, operator, order_by: None } => format!("OPERATOR {strategy} {operator}"),
        FamilyMember::Function { support, types: (left, right), function } => {
            format!("FUNCTION {support} ({left}, {right}) {function}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Class;
    use crate::ddl::sample::{drafts, id, object, sql};

    #[test]
    fn operators_say_all_and_shells_come_from_a_mention() {
        let operator = Operator {
            left: Some("s.p".into()),
            right: Some("s.p".into()),
            function: Some("s.eq".into()),
            commutator: Some("s.===".into()),
            negator: Some("\"S\".!==".into()),
            restrict: Some("eqsel".into()),
            join: Some("eqjoinsel".into()),
            hashes: true,
            merges: true,
            mentioned: false,
        };
        let expected = "CREATE OPERATOR s.=== (\n    FUNCTION = s.eq,\n    LEFTARG = s.p,\n    RIGHTARG = s.p,\n    \
                        COMMUTATOR = OPERATOR(s.===),\n    NEGATOR = OPERATOR(\"S\".!==),\n    MERGES,\n    HASHES,\n    \
                        RESTRICT = eqsel,\n    JOIN = eqjoinsel\n)";
        let shell = |mentioned| Operator { function: None, mentioned, ..operator.clone() };
        let of = |operator| [object(Class::Operator, 1, "===", Body::Operator(operator))];
        let draft = drafts(&of(operator.clone()), 0, 18, entries).remove(0);
        assert_eq!(draft.create, [expected]);
        assert_eq!(draft.set_owner.as_deref(), Some("ALTER OPERATOR s.=== (s.p, s.p) OWNER TO o"));
        assert_eq!(drafts(&of(shell(true)), 0, 18, entries)[0].create, Vec::<String>::new());
        let prefix = Operator { left: None, ..shell(false) };
        let mention = [
            "CREATE FUNCTION s.pgfreight_shell_operator(s.p) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
            "CREATE OPERATOR s.|#@%&?~ (FUNCTION = s.pgfreight_shell_operator, RIGHTARG = s.p, \
             NEGATOR = OPERATOR(s.===))",
            "DROP OPERATOR s.|#@%&?~ (NONE, s.p)",
            "DROP FUNCTION s.pgfreight_shell_operator(s.p)",
        ];
        assert_eq!(drafts(&of(prefix), 0, 18, entries)[0].create, mention);
    }

    #[test]
    fn classes_and_families_list_their_members() {
        let members = vec![
            FamilyMember::Operator { strategy: 1, operator: "pg_catalog.< (int4, int4)".into(), order_by: None },
            FamilyMember::Operator { strategy: 15, operator: "s.<-> (p, p)".into(), order_by: Some("s.f".into()) },
            FamilyMember::Function { support: 1, types: ("int4".into(), "text".into()), function: "s.c(int4)".into() },
        ];
        let class = OperatorClass {
            method: "btree".into(),
            input: "integer".into(),
            family: "s.fam".into(),
            family_id: Some(id(Class::OperatorFamily, 2)),
            default: true,
            storage: Some("box".into()),
            members: members.clone(),
        };
        let list = "OPERATOR 1 pg_catalog.< (int4, int4),\n    OPERATOR 15 s.<-> (p, p) FOR ORDER BY s.f,\n    \
                    FUNCTION 1 (int4, text) s.c(int4)";
        let head = "CREATE OPERATOR CLASS s.c\n    DEFAULT FOR TYPE integer USING btree FAMILY s.fam AS";
        let expected = format!("{head}\n    STORAGE box,\n    {list}");
        let class = object(Class::OperatorClass, 1, "c", Body::OperatorClass(class));
        assert_eq!(sql(&[class], 0, 18, entries), [expected]);
        let family = OperatorFamily { method: "btree".into(), members };
        let mut family = object(Class::OperatorFamily, 2, "fam", Body::OperatorFamily(family));
        let add = format!("ALTER OPERATOR FAMILY s.fam USING btree ADD\n    {list}");
        let create = "CREATE OPERATOR FAMILY s.fam USING btree".to_owned();
        assert_eq!(sql(std::slice::from_ref(&family), 0, 18, entries), [create, add.clone()]);
        family.builtin = true;
        assert_eq!(sql(&[family], 0, 18, entries), [add]);
    }
}
