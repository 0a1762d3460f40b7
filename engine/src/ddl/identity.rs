//! How statements name an object of any class: what follows `COMMENT ON`, `ALTER`, `DROP`, `SECURITY LABEL ON`.

use super::Section;
use super::draft::{Context, Draft};
use super::relation::{keyword, name};
use crate::catalog::function::RoutineKind;
use crate::catalog::operator::Operator;
use crate::catalog::typ::Type;
use crate::catalog::{Body, Class, Object, ObjectId};
use crate::sql::quote_ident;

/// An object's key word and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// `TABLE`, `OPERATOR CLASS`, ….
    pub word: &'static str,
    /// The rest as SQL text: qualified name, arguments, `ON table`.
    pub name: String,
}

impl Identity {
    /// `TABLE s.t`.
    pub fn text(&self) -> String {
        format!("{} {}", self.word, self.name)
    }
}

/// The identity of an object; `None` for what has no name in SQL (defaults, default privileges, user mappings, system
/// objects, batches of large objects) and for what lost its parent.
pub(super) fn identity(object: &Object, cx: &Context<'_>) -> Option<Identity> {
    let (word, name) = match &object.body {
        Body::Schema(_) => ("SCHEMA", quote_ident(&object.name).into_owned()),
        Body::Extension(_) => ("EXTENSION", quote_ident(&object.name).into_owned()),
        Body::Type(Type::Domain(_)) => ("DOMAIN", name(object)),
        Body::Type(_) => ("TYPE", name(object)),
        Body::Function(function) => {
            (routine_word(function.kind), format!("{}({})", name(object), function.identity_arguments))
        }
        Body::Table(_) | Body::View(_) | Body::Sequence(_) | Body::Index(_) => (keyword(object), name(object)),
        Body::Constraint(_) => ("CONSTRAINT", on_parent(object, cx)?),
        Body::Trigger(_) => ("TRIGGER", on_parent(object, cx)?),
        Body::Rule(_) => ("RULE", on_parent(object, cx)?),
        Body::Policy(_) => ("POLICY", on_parent(object, cx)?),
        Body::Statistics(_) => ("STATISTICS", name(object)),
        Body::Publication(_) => ("PUBLICATION", quote_ident(&object.name).into_owned()),
        Body::EventTrigger(_) => ("EVENT TRIGGER", quote_ident(&object.name).into_owned()),
        Body::ForeignDataWrapper(_) => ("FOREIGN DATA WRAPPER", quote_ident(&object.name).into_owned()),
        Body::ForeignServer(_) => ("SERVER", quote_ident(&object.name).into_owned()),
        Body::LargeObject(batch) if batch.oids.len() == 1 => ("LARGE OBJECT", object.id.oid.0.to_string()),
        Body::Collation(_) => ("COLLATION", name(object)),
        Body::Conversion(_) => ("CONVERSION", name(object)),
        Body::Language(_) => ("LANGUAGE", quote_ident(&object.name).into_owned()),
        Body::AccessMethod(_) => ("ACCESS METHOD", quote_ident(&object.name).into_owned()),
        Body::TextSearchParser(_) => ("TEXT SEARCH PARSER", name(object)),
        Body::TextSearchTemplate(_) => ("TEXT SEARCH TEMPLATE", name(object)),
        Body::TextSearchDictionary(_) => ("TEXT SEARCH DICTIONARY", name(object)),
        Body::TextSearchConfiguration(_) => ("TEXT SEARCH CONFIGURATION", name(object)),
        Body::Subscription(_) => ("SUBSCRIPTION", quote_ident(&object.name).into_owned()),
        Body::Cast(cast) => ("CAST", format!("({} AS {})", cast.source, cast.target)),
        Body::Transform(transform) => {
            ("TRANSFORM", format!("FOR {} LANGUAGE {}", transform.sql_type, quote_ident(&transform.language)))
        }
        Body::Operator(operator) => {
            ("OPERATOR", format!("{} ({})", super::operator::operator_name(object), operands(operator)))
        }
        Body::OperatorClass(class) => ("OPERATOR CLASS", using(object, &class.method)),
        Body::OperatorFamily(family) => ("OPERATOR FAMILY", using(object, &family.method)),
        Body::Default(_) | Body::UserMapping(_) | Body::DefaultAcl(_) | Body::LargeObject(_) | Body::System(_) => {
            return None;
        }
    };
    Some(Identity { word, name })
}

/// `FUNCTION`, `PROCEDURE` or `AGGREGATE`.
pub(super) fn routine_word(kind: RoutineKind) -> &'static str {
    match kind {
        RoutineKind::Function | RoutineKind::Window => "FUNCTION",
        RoutineKind::Procedure => "PROCEDURE",
        RoutineKind::Aggregate => "AGGREGATE",
    }
}

fn using(object: &Object, method: &str) -> String {
    format!("{} USING {}", name(object), quote_ident(method))
}

/// `name ON table`, `name ON DOMAIN domain`.
fn on_parent(object: &Object, cx: &Context<'_>) -> Option<String> {
    let parent = cx.object(object.parent?)?;
    let domain = if parent.id.class == Class::Type { "DOMAIN " } else { "" };
    Some(format!("{} ON {domain}{}", quote_ident(&object.name), name(parent)))
}

/// An entry that creates an object of a class that can be altered and dropped by its identity.
pub(super) fn create(object: &Object, desc: &'static str, section: Section, cx: &Context<'_>) -> Draft {
    let mut draft = Draft::new(object, desc, section);
    draft.name = tag(object);
    if let Some(identity) = identity(object, cx) {
        draft.drop = Some(format!("DROP {} IF EXISTS {}", identity.word, identity.name));
        let owner = object.owner.as_deref().map(quote_ident);
        draft.set_owner = owner.map(|owner| format!("ALTER {} OWNER TO {owner}", identity.text()));
    }
    draft
}

/// Tag as `pg_restore -l` shows it.
pub(super) fn tag(object: &Object) -> String {
    match &object.body {
        Body::Function(function) => format!("{}({})", object.name, function.signature),
        Body::Cast(cast) => format!("CAST ({} AS {})", cast.source, cast.target),
        Body::Transform(transform) => format!("TRANSFORM FOR {} LANGUAGE {}", transform.sql_type, transform.language),
        _ => object.name.clone(),
    }
}

/// What two databases call the same object by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// `TABLE`, `OPERATOR CLASS`, `USER MAPPING`, ….
    pub kind: String,
    /// Schema it lives in, unquoted.
    pub schema: Option<String>,
    /// Unquoted; with argument types, access method or parent where the name alone does not tell it from others.
    pub name: String,
}

/// The label of an object, also of those that have no name in SQL; `None` for large objects, whose names are OIDs.
pub(super) fn label(object: &Object, cx: &Context<'_>) -> Option<Label> {
    let plain = |kind: &str, name| Some(Label { kind: kind.to_owned(), schema: object.schema.clone(), name });
    let named = |name| plain(identity(object, cx)?.word, name);
    match &object.body {
        Body::LargeObject(_) => None,
        Body::Default(_) => plain("DEFAULT", on(object, cx)),
        Body::UserMapping(mapping) => {
            plain("USER MAPPING", format!("{} SERVER {}", mapping.user.as_deref().unwrap_or("public"), mapping.server))
        }
        Body::DefaultAcl(body) => {
            let role = object.owner.as_deref().unwrap_or(&object.name);
            let schema = object.schema.as_ref().map_or_else(String::new, |schema| format!(" IN SCHEMA {schema}"));
            Some(Label { kind: super::default_acl::title(body), schema: None, name: format!("OF {role}{schema}") })
        }
        // Its name as the server spells it has the schema in it.
        Body::System(system) => Some(Label { kind: system.word.clone(), schema: None, name: system.identity.clone() }),
        Body::OperatorClass(class) => named(format!("{} USING {}", object.name, class.method)),
        Body::OperatorFamily(family) => named(format!("{} USING {}", object.name, family.method)),
        Body::Operator(operator) => named(format!("{} ({})", object.name, operands(operator))),
        Body::Cast(_) | Body::Transform(_) => named(identity(object, cx)?.name),
        Body::Constraint(_) | Body::Trigger(_) | Body::Rule(_) | Body::Policy(_) => named(on(object, cx)),
        _ => named(tag(object)),
    }
}

/// `name ON table`, unquoted.
fn on(object: &Object, cx: &Context<'_>) -> String {
    let parent = object.parent.and_then(|id| cx.object(id));
    parent.map_or_else(|| object.name.clone(), |parent| format!("{} ON {}", object.name, parent.name))
}

/// `left, right`; `NONE` stands for what is not there.
fn operands(operator: &Operator) -> String {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "NONE".to_owned());
    format!("{}, {}", side(&operator.left), side(&operator.right))
}

/// The relation whose filter decides about an object's comments, labels and privileges.
pub(super) fn relation_of(object: &Object) -> Option<ObjectId> {
    let parent = object.parent.filter(|parent| parent.class == Class::Relation);
    match &object.body {
        Body::Table(_) | Body::View(_) | Body::Sequence(_) => Some(object.id),
        _ => parent,
    }
}

/// The section of an object's comments and labels: never before the object is there.
pub(super) fn section_of(object: &Object) -> Section {
    match &object.body {
        Body::Index(_)
        | Body::Constraint(_)
        | Body::Trigger(_)
        | Body::Rule(_)
        | Body::Policy(_)
        | Body::Statistics(_)
        | Body::Publication(_)
        | Body::Subscription(_)
        | Body::EventTrigger(_) => Section::PostData,
        Body::LargeObject(_) => Section::Data,
        _ => Section::PreData,
    }
}
