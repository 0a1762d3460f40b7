//! The model of a database's schema: what the system catalogs say, without SQL and without I/O.
//!
//! `introspect` fills it, `ddl` prints it, `format::contents` stores it. One file per object class, the same stem in all
//! three rooms. Everything that all classes share (owner, ACL, comment, labels, extension membership) stands in
//! [`Object`]; what only one class has stands in its body. Expressions and definitions that the server deparses
//! (`pg_get_viewdef`, `pg_get_expr`, …) are kept as text, deparsed under an empty `search_path`.

pub mod access_method;
pub mod acl;
pub mod cast;
pub mod census;
pub mod class;
pub mod collation;
pub mod constraint;
pub mod conversion;
pub mod database;
pub mod default_acl;
pub mod event_trigger;
pub mod extension;
pub mod extent;
pub mod features;
pub mod foreign;
pub mod function;
pub mod globals;
pub mod index;
pub mod language;
pub mod large_object;
pub mod operator;
pub mod permutation;
pub mod planner_statistics;
pub mod policy;
pub mod publication;
pub mod rule;
pub mod schema;
pub mod sequence;
pub mod statistics;
pub mod subscription;
pub mod system;
pub mod table;
pub mod text_search;
pub mod transform;
pub mod trigger;
pub mod typ;
pub mod view;

use serde::{Deserialize, Serialize};

pub use acl::{Acl, AclItem};
pub use census::Census;
pub use class::Class;
pub use database::{Database, ServerFacts};
pub use globals::Globals;

use crate::ids::Oid;

/// Names an object of one database at one moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ObjectId {
    /// What it is; together with the OID unique, as in `pg_depend`.
    pub class: Class,
    /// Its OID in the catalog of its class.
    pub oid: Oid,
}

/// One object of the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Identity within the dump.
    pub id: ObjectId,
    /// Schema, for classes that live in one (for triggers, rules, policies, constraints, defaults: that of their table).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Bare name, unquoted. For functions without arguments; see [`function::Function::identity_arguments`].
    pub name: String,
    /// Owning role, for classes that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The table (or view, type, …) it belongs to: index, constraint, trigger, rule, policy, default, owned statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ObjectId>,
    /// Extension it is a member of. Members are not created by us, but may have data, comments or ACLs of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// Born with the cluster (`public`, `plpgsql`, system objects): never created or dropped by us, but its owner,
    /// comment, labels or ACL may differ from what every database starts with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub builtin: bool,
    /// Privileges, if they differ from what creation gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Box<Acl>>,
    /// `COMMENT ON`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Security labels: provider and label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// Comments on columns (attributes of composite types), in column order: unquoted name and comment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_comments: Vec<(String, String)>,
    /// Security labels of columns, in column order: unquoted name, provider, label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_labels: Vec<(String, String, String)>,
    /// What only this class has.
    pub body: Body,
}

impl Object {
    /// An object with nothing but identity, name and body; readers fill in the rest.
    pub fn new(id: ObjectId, name: impl Into<String>, body: Body) -> Self {
        Self {
            id,
            schema: None,
            name: name.into(),
            owner: None,
            parent: None,
            extension: None,
            builtin: false,
            acl: None,
            comment: None,
            labels: Vec::new(),
            column_comments: Vec::new(),
            column_labels: Vec::new(),
            body,
        }
    }

    /// True where somebody else creates the object: an extension, or initdb.
    pub fn is_given(&self) -> bool {
        self.builtin || self.extension.is_some()
    }
}

/// The class-specific part of an [`Object`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum Body {
    /// A schema.
    Schema(schema::Schema),
    /// An extension.
    Extension(extension::Extension),
    /// Any type that `CREATE TYPE` or `CREATE DOMAIN` makes.
    Type(typ::Type),
    /// Function, procedure, window function or aggregate.
    Function(Box<function::Function>),
    /// Ordinary, partitioned or foreign table.
    Table(Box<table::Table>),
    /// A column's default or generation expression; printed with its table unless it must be set apart.
    Default(table::ColumnDefault),
    /// A sequence.
    Sequence(sequence::Sequence),
    /// A view or materialized view.
    View(view::View),
    /// An index. One that belongs to a constraint is made by the constraint's entry.
    Index(index::Index),
    /// A constraint of a table, foreign table or domain; checks are printed with it unless they must be set apart.
    Constraint(constraint::Constraint),
    /// A trigger.
    Trigger(trigger::Trigger),
    /// A rewrite rule other than a view's own.
    Rule(rule::Rule),
    /// A row-level security policy.
    Policy(policy::Policy),
    /// Extended statistics.
    Statistics(statistics::Statistics),
    /// A publication.
    Publication(publication::Publication),
    /// An event trigger.
    EventTrigger(event_trigger::EventTrigger),
    /// A foreign-data wrapper.
    ForeignDataWrapper(foreign::ForeignDataWrapper),
    /// A foreign server.
    ForeignServer(foreign::ForeignServer),
    /// A user mapping.
    UserMapping(foreign::UserMapping),
    /// Default privileges.
    DefaultAcl(default_acl::DefaultAcl),
    /// A large object's owner, ACL and comment; the contents are data.
    LargeObject(large_object::LargeObject),
    /// A cast.
    Cast(cast::Cast),
    /// A collation.
    Collation(collation::Collation),
    /// An encoding conversion.
    Conversion(conversion::Conversion),
    /// A procedural language.
    Language(language::Language),
    /// An operator.
    Operator(operator::Operator),
    /// An operator class.
    OperatorClass(operator::OperatorClass),
    /// An operator family.
    OperatorFamily(operator::OperatorFamily),
    /// An access method.
    AccessMethod(access_method::AccessMethod),
    /// A text search parser.
    TextSearchParser(text_search::Parser),
    /// A text search template.
    TextSearchTemplate(text_search::Template),
    /// A text search dictionary.
    TextSearchDictionary(text_search::Dictionary),
    /// A text search configuration.
    TextSearchConfiguration(text_search::Configuration),
    /// A transform.
    Transform(transform::Transform),
    /// A subscription.
    Subscription(subscription::Subscription),
    /// Somebody else's object with an owner or privileges of its own.
    System(system::System),
}

/// `dependent` cannot exist without `referenced` (one row of `pg_depend`, both ends resolved to model objects).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Edge {
    /// The one that needs.
    pub dependent: ObjectId,
    /// The one that is needed.
    pub referenced: ObjectId,
    /// `pg_depend.deptype`.
    pub kind: char,
    /// Column of `dependent` that needs it; 0 for the whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub column: i32,
    /// Column of `referenced` that is needed; 0 for the whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub referenced_column: i32,
    /// It is a view's query that needs it, not the view's own columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_rule: bool,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// A user-made object that is not carried (promise 10): of a class this version does not know, or damaged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Unsupported {
    /// Class as a person calls it, e.g. `text search parser`.
    pub class: String,
    /// Qualified name or identity.
    pub name: String,
    /// Why it is not carried, if not for its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A whole database's schema at one moment, objects in a deterministic order (class, schema, name, parent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The server it was read from.
    pub server: ServerFacts,
    /// The database's own properties.
    pub database: Database,
    /// All objects, extension members included.
    pub objects: Vec<Object>,
    /// Dependencies between them.
    pub edges: Vec<Edge>,
    /// What was seen and cannot be carried.
    pub unsupported: Vec<Unsupported>,
    /// What the planner knows of the relations; empty unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planner_statistics: Vec<planner_statistics::PlannerStatistics>,
    /// The cluster's own objects, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub globals: Option<Globals>,
    /// How many rows users made in the system catalogs, and what became of them; dumps of the first days have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub census: Option<Census>,
}

impl Catalog {
    /// Finds an object by identity: linear; build an index when many are asked for.
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There are a hundred thousand of them: what makes one class large stands in a box.
    #[test]
    fn objects_are_small() {
        assert!(size_of::<Object>() <= 400, "{}", size_of::<Object>());
    }

    #[test]
    fn bodies_with_a_kind_of_their_own_survive_json() {
        let bodies = [
            Body::Function(Box::default()),
            Body::DefaultAcl(default_acl::DefaultAcl { kind: "r".into() }),
            Body::ForeignServer(foreign::ForeignServer { kind: Some("type".into()), ..Default::default() }),
            Body::Type(typ::Type::Shell),
            Body::Type(typ::Type::Enum { labels: vec!["a".into()] }),
            Body::Type(typ::Type::Base(Box::default())),
            Body::OperatorFamily(operator::OperatorFamily::default()),
        ];
        for body in bodies {
            let text = serde_json::to_string(&body).unwrap_or_default();
            assert_eq!(serde_json::from_str::<Body>(&text).ok(), Some(body), "{text}");
        }
    }
}
