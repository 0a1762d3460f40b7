//! Types: `CREATE TYPE` in all its forms, `CREATE DOMAIN`, and constraints of domains that must stand apart.

use super::constraint::check_clause;
use super::draft::{Context, Draft, Stage};
use super::identity::create;
use super::relation::{if_exists, name};
use super::{EntryKind, Section};
use crate::catalog::constraint::{Constraint, ConstraintRule};
use crate::catalog::typ::{Base, Composite, Domain, Range, Type};
use crate::catalog::{Body, Object};
use crate::sql::{quote_ident, quote_literal};

/// Entries of a type: itself, a shell for its own functions to refer to, constraints that wait.
pub fn entries(object: &Object, cx: &Context<'_>) -> Vec<Draft> {
    let (Body::Type(body), None) = (&object.body, &object.extension) else { return Vec::new() };
    let type_entry = |desc, sql| {
        let mut draft = create(object, desc, Section::PreData, cx);
        draft.create.push(sql);
        draft
    };
    match body {
        Type::Shell => vec![type_entry("SHELL TYPE", shell(object))],
        Type::Enum { labels } => vec![type_entry("TYPE", enumeration(object, labels))],
        Type::Composite(composite) => vec![type_entry("TYPE", self::composite(object, composite))],
        Type::Domain(domain) => {
            let mut first = type_entry("DOMAIN", self::domain(object, domain, cx));
            let default = default_entry(object, domain, &mut first, cx);
            let mut entries: Vec<Draft> = [first].into_iter().chain(default).collect();
            entries.extend(
                checks(object, cx)
                    .filter(|(check, body)| !inline(check, body, cx))
                    .filter_map(|check| check_entry(object, check)),
            );
            entries
        }
        Type::Range(range) => {
            // Only a canonical function takes the type itself, and so needs a shell to be there before.
            let shell = cx.is_separate(object.id).then(|| placeholder(object));
            let mut entry = type_entry("TYPE", self::range(object, range));
            if shell.is_some() {
                entry.drop = entry.drop.map(|drop| format!("{drop} CASCADE"));
            }
            shell.into_iter().chain([entry]).collect()
        }
        Type::Base(base) => {
            let mut entry = type_entry("TYPE", self::base(object, base));
            // The functions cannot be there without the type, nor it without them.
            entry.drop = entry.drop.map(|drop| format!("{drop} CASCADE"));
            vec![placeholder(object), entry]
        }
    }
}

fn shell(object: &Object) -> String {
    format!("CREATE TYPE {}", name(object))
}

fn placeholder(object: &Object) -> Draft {
    let mut draft = Draft::new(object, "SHELL TYPE", Section::PreData);
    draft.stage = Stage::Placeholder;
    draft.create.push(shell(object));
    draft
}

fn enumeration(object: &Object, labels: &[String]) -> String {
    let labels = labels.iter().map(|label| format!("\n    {}", quote_literal(label))).collect::<Vec<_>>();
    format!("CREATE TYPE {} AS ENUM ({}\n)", name(object), labels.join(","))
}

/// ` COLLATE c`, empty for the type's own.
fn collate(collation: Option<&String>) -> String {
    collation.map(|collation| format!(" COLLATE {collation}")).unwrap_or_default()
}

fn composite(object: &Object, composite: &Composite) -> String {
    let attributes = composite.attributes.iter().map(|attribute| {
        let collate = collate(attribute.collation.as_ref());
        format!("\n    {} {}{collate}", quote_ident(&attribute.name), attribute.sql_type)
    });
    format!("CREATE TYPE {} AS ({}\n)", name(object), attributes.collect::<Vec<_>>().join(","))
}

/// The CHECK constraints of a domain.
fn checks<'a>(domain: &Object, cx: &Context<'a>) -> impl Iterator<Item = (&'a Object, &'a Constraint)> {
    cx.children(domain.id).iter().filter_map(|child| match &child.body {
        Body::Constraint(body) if matches!(body.rule, ConstraintRule::Check { .. }) => Some((*child, body)),
        _ => None,
    })
}

fn inline(check: &Object, body: &Constraint, cx: &Context<'_>) -> bool {
    body.validated && !cx.is_separate(check.id)
}

fn domain(object: &Object, domain: &Domain, cx: &Context<'_>) -> String {
    let mut sql = format!("CREATE DOMAIN {} AS {}", name(object), domain.base);
    sql.push_str(&collate(domain.collation.as_ref()));
    if let Some(not_null) = &domain.not_null {
        if let Some(constraint) = &not_null.name {
            sql.push_str(&format!(" CONSTRAINT {}", quote_ident(constraint)));
        }
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = domain.default.as_ref().filter(|_| !cx.is_separate(object.id)) {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    let clauses = checks(object, cx).filter(|(check, body)| inline(check, body, cx));
    for clause in clauses.filter_map(|(check, body)| check_clause(&check.name, body)) {
        sql.push_str(&format!("\n    {clause}"));
    }
    sql
}

/// A default that needs what needs the domain follows both: the domain's own entry, without it, becomes a placeholder.
fn default_entry(object: &Object, domain: &Domain, first: &mut Draft, cx: &Context<'_>) -> Option<Draft> {
    let default = domain.default.as_ref().filter(|_| cx.is_separate(object.id))?;
    let mut draft = first.clone();
    draft.create = vec![format!("ALTER DOMAIN {} SET DEFAULT {default}", name(object))];
    draft.drop = Some(where_it_is(object, "DROP DEFAULT"));
    first.stage = Stage::Placeholder;
    first.set_owner = None;
    Some(draft)
}

/// A change of a domain that may not be there: `ALTER DOMAIN` has no `IF EXISTS`.
fn where_it_is(domain: &Object, what: &str) -> String {
    let exists = format!("pg_catalog.to_regtype({}) IS NOT NULL", quote_literal(&name(domain)));
    if_exists(&exists, &format!("ALTER DOMAIN {} {what}", name(domain)))
}

/// A constraint the domain's own entry cannot contain: not valid (it would be, once created with the domain), or set
/// apart because it needs what needs the domain.
fn check_entry(domain: &Object, (check, body): (&Object, &Constraint)) -> Option<Draft> {
    let section = if body.validated { Section::PreData } else { Section::PostData };
    let mut draft = Draft::new(check, "CHECK CONSTRAINT", section);
    draft.kind = EntryKind::Create;
    draft.name = format!("{} {}", domain.name, check.name);
    draft.schema = domain.schema.clone();
    draft.owner = domain.owner.clone();
    draft.after.push(domain.id);
    draft.create.push(format!("ALTER DOMAIN {} ADD {}", name(domain), check_clause(&check.name, body)?));
    let constraint = quote_ident(&check.name);
    draft.drop = Some(where_it_is(domain, &format!("DROP CONSTRAINT IF EXISTS {constraint}")));
    Some(draft)
}

/// `name = value` for all that are there.
fn attributes<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Vec<String> {
    pairs.into_iter().filter_map(|(word, value)| Some(format!("\n    {word} = {}", value?))).collect()
}

fn range(object: &Object, range: &Range) -> String {
    let attributes = attributes([
        ("subtype", Some(range.subtype.clone())),
        ("multirange_type_name", range.multirange.clone()),
        ("subtype_opclass", range.operator_class.clone()),
        ("collation", range.collation.clone()),
        ("canonical", range.canonical.clone()),
        ("subtype_diff", range.difference.clone()),
    ]);
    format!("CREATE TYPE {} AS RANGE ({}\n)", name(object), attributes.join(","))
}

fn base(object: &Object, base: &Base) -> String {
    let alignment = match base.alignment.as_str() {
        "c" => "char",
        "s" => "int2",
        "d" => "double",
        _ => "int4",
    };
    let storage = match base.storage.as_str() {
        "e" => Some("external"),
        "x" => Some("extended"),
        "m" => Some("main"),
        _ => None,
    };
    let length = if base.length < 0 { "variable".to_owned() } else { base.length.to_string() };
    let mut parts = attributes([
        ("INTERNALLENGTH", Some(length)),
        ("INPUT", Some(base.input.clone())),
        ("OUTPUT", Some(base.output.clone())),
        ("RECEIVE", base.receive.clone()),
        ("SEND", base.send.clone()),
        ("TYPMOD_IN", base.modifier_input.clone()),
        ("TYPMOD_OUT", base.modifier_output.clone()),
        ("ANALYZE", base.analyze.clone()),
        ("SUBSCRIPT", base.subscript.clone()),
        ("COLLATABLE", base.collatable.then(|| "true".to_owned())),
        ("DEFAULT", base.default.as_deref().map(quote_literal)),
        ("ELEMENT", base.element.clone()),
        ("CATEGORY", (base.category != "U").then(|| quote_literal(&base.category))),
        ("PREFERRED", base.preferred.then(|| "true".to_owned())),
        ("DELIMITER", (base.delimiter != ",").then(|| quote_literal(&base.delimiter))),
        ("ALIGNMENT", Some(alignment.to_owned())),
        ("STORAGE", storage.map(str::to_owned)),
    ]);
    parts.extend(base.by_value.then(|| "\n    PASSEDBYVALUE".to_owned()));
    format!("CREATE TYPE {} ({}\n)", name(object), parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::typ::{Attribute, DomainNotNull};
    use crate::catalog::{Class, ObjectId};
    use crate::ddl::sample::{constraint, drafts, id, object, sql};

    fn typ(body: Type) -> Object {
        object(Class::Type, 1, "t", Body::Type(body))
    }

    fn check(oid: u32, name: &str, expression: &str, validated: bool) -> Object {
        let rule = ConstraintRule::Check { expression: expression.to_owned() };
        let body = Constraint { validated, ..constraint(rule) };
        let parent: Option<ObjectId> = Some(id(Class::Type, 1));
        Object { parent, owner: None, ..object(Class::Constraint, oid, name, Body::Constraint(body)) }
    }

    #[test]
    fn enums_and_composites_list_their_parts() {
        let labels = vec!["sad".to_owned(), "o'k \\".to_owned()];
        let expected = "CREATE TYPE s.t AS ENUM (\n    'sad',\n    E'o''k \\\\'\n)";
        assert_eq!(sql(&[typ(Type::Enum { labels })], 0, 18, entries), [expected]);
        let attribute = |name: &str, collation: Option<&str>| Attribute {
            name: name.into(),
            sql_type: "text".into(),
            collation: collation.map(str::to_owned),
        };
        let attributes = vec![attribute("a", None), attribute("B", Some("pg_catalog.\"C\""))];
        let composite = Type::Composite(Composite { relation: Default::default(), attributes });
        let expected = "CREATE TYPE s.t AS (\n    a text,\n    \"B\" text COLLATE pg_catalog.\"C\"\n)";
        assert_eq!(sql(&[typ(composite)], 0, 18, entries), [expected]);
        assert_eq!(sql(&[typ(Type::Enum { labels: Vec::new() })], 0, 18, entries), ["CREATE TYPE s.t AS ENUM (\n)"]);
    }

    #[test]
    fn a_domain_carries_valid_checks_and_the_others_wait_for_the_data() {
        let domain = Type::Domain(Domain {
            base: "integer".into(),
            collation: None,
            default: Some("1".into()),
            not_null: Some(DomainNotNull { name: Some("nn x".into()) }),
        });
        let objects = [typ(domain), check(2, "c", "(VALUE > 0)", true), check(3, "nv", "(VALUE < 9)", false)];
        let drafts = drafts(&objects, 0, 18, entries);
        let expected = "CREATE DOMAIN s.t AS integer CONSTRAINT \"nn x\" NOT NULL DEFAULT 1\n    \
                        CONSTRAINT c CHECK ((VALUE > 0))";
        assert_eq!(drafts[0].create, [expected]);
        assert_eq!(drafts[0].set_owner.as_deref(), Some("ALTER DOMAIN s.t OWNER TO o"));
        assert_eq!(drafts[1].create, ["ALTER DOMAIN s.t ADD CONSTRAINT nv CHECK ((VALUE < 9)) NOT VALID"]);
        assert_eq!((drafts[1].section, drafts[1].object, drafts.len()), (Section::PostData, objects[2].id, 2));
    }

    #[test]
    fn ranges_name_their_multirange_and_what_is_not_the_default() {
        let range = Range {
            subtype: "text".into(),
            operator_class: Some("s.ops".into()),
            collation: Some("pg_catalog.\"C\"".into()),
            canonical: None,
            difference: Some("s.d".into()),
            multirange: Some("s.m".into()),
        };
        let expected = "CREATE TYPE s.t AS RANGE (\n    subtype = text,\n    multirange_type_name = s.m,\n    \
                        subtype_opclass = s.ops,\n    collation = pg_catalog.\"C\",\n    subtype_diff = s.d\n)";
        assert_eq!(sql(&[typ(Type::Range(range))], 0, 18, entries), [expected]);
    }

    #[test]
    fn a_base_type_is_declared_before_it_is_defined() {
        let base = Base {
            length: -1,
            input: "s.i".into(),
            output: "s.o".into(),
            default: Some("it's".into()),
            delimiter: ";".into(),
            alignment: "d".into(),
            storage: "x".into(),
            category: "S".into(),
            preferred: true,
            collatable: true,
            by_value: true,
            ..Base::default()
        };
        let drafts = drafts(&[typ(Type::Base(Box::new(base)))], 0, 18, entries);
        assert_eq!((drafts[0].stage, &*drafts[0].create), (Stage::Placeholder, &["CREATE TYPE s.t".to_owned()][..]));
        let expected = "CREATE TYPE s.t (\n    INTERNALLENGTH = variable,\n    INPUT = s.i,\n    OUTPUT = s.o,\n    \
                        COLLATABLE = true,\n    DEFAULT = 'it''s',\n    CATEGORY = 'S',\n    PREFERRED = true,\n    \
                        DELIMITER = ';',\n    ALIGNMENT = double,\n    STORAGE = extended,\n    PASSEDBYVALUE\n)";
        assert_eq!(drafts[1].create, [expected]);
        assert_eq!(drafts[1].drop.as_deref(), Some("DROP TYPE IF EXISTS s.t CASCADE"));
    }
}
