//! What needs what: the objects of a catalog as a graph, before anything is written.
//!
//! Invariants. A node is what one CREATE makes: an object with all that is printed inside its statement (inline defaults,
//! checks, the index of a constraint), or the [`Shell`](Part::Shell) that stands in for it while a loop is unwound. The
//! graph depends on the model and on [`Breaks`] alone, never on the target, so that every target gets the same order. What
//! somebody else creates (initdb, an extension) is no node; needing a member of an extension is needing the extension.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Section;
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::function::Function;
use crate::catalog::typ::Type;
use crate::catalog::{Body, Catalog, Class, Edge, Object, ObjectId};
use crate::sql::qualified;

/// How the loops of the graph are broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaks {
    /// Defaults and checks set after their table or domain; types, views and functions that have a shell first.
    pub separate: FxHashSet<ObjectId>,
    /// Moved to post-data.
    pub postponed: FxHashSet<ObjectId>,
    /// Who makes do with the shell of what it needs: dependent and referenced.
    pub shell_is_enough: FxHashSet<(ObjectId, ObjectId)>,
    /// Needs that no order can satisfy, dependent and referenced: the statement is tried without.
    pub given_up: FxHashSet<(ObjectId, ObjectId)>,
}

/// Which statement of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Part {
    /// Shell type, domain without default, placeholder view, stub function.
    Shell,
    /// The object.
    Whole,
}

/// A node's number.
pub(super) type Node = usize;

/// The objects of a catalog by identity, and what creates each.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    by_id: FxHashMap<ObjectId, &'a Object>,
    extensions: FxHashMap<&'a str, ObjectId>,
    configuration: FxHashSet<ObjectId>,
    /// Sorted by who needs.
    needs: Vec<&'a Edge>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let by_id = catalog.objects.iter().map(|object| (object.id, object)).collect();
        let extension = |object: &&Object| object.id.class == Class::Extension;
        let extensions = catalog.objects.iter().filter(extension).map(|object| (&*object.name, object.id)).collect();
        let mut configuration = FxHashSet::default();
        for object in &catalog.objects {
            if let Body::Extension(extension) = &object.body {
                let relations = extension.config.iter().map(|table| table.relation);
                configuration.extend(relations.map(|oid| ObjectId { class: Class::Relation, oid }));
            }
        }
        let mut needs: Vec<&Edge> = catalog.edges.iter().collect();
        needs.sort_by_key(|edge| edge.dependent);
        Self { catalog, by_id, extensions, configuration, needs }
    }

    /// What an object depends on.
    pub(super) fn needs(&self, id: ObjectId) -> &[&'a Edge] {
        let from = self.needs.partition_point(|edge| edge.dependent < id);
        let count = self.needs[from..].partition_point(|edge| edge.dependent == id);
        &self.needs[from..from + count]
    }

    /// A table or sequence that an extension registered as holding the user's data.
    pub(super) fn is_configuration(&self, id: ObjectId) -> bool {
        self.configuration.contains(&id)
    }

    pub(super) fn get(&self, id: ObjectId) -> Option<&'a Object> {
        self.by_id.get(&id).copied()
    }

    /// The object whose statement brings this one: itself, the table or domain it is printed in, the constraint an index
    /// belongs to, the extension it is a member of. `None` for what every database is born with.
    pub(super) fn carrier(&self, id: ObjectId, breaks: &Breaks) -> Option<ObjectId> {
        let object = self.get(id)?;
        if let Some(extension) = &object.extension {
            return self.extensions.get(&**extension).copied();
        }
        if object.builtin {
            return None;
        }
        let other = match &object.body {
            Body::Default(_) => object.parent.filter(|_| !self.is_apart(object, breaks)),
            Body::Constraint(_) => object.parent.filter(|_| !self.is_apart(object, breaks)),
            Body::Index(index) => index.constraint,
            _ => None,
        };
        match other {
            Some(other) if other != id && self.by_id.contains_key(&other) => self.carrier(other, breaks),
            _ => Some(id),
        }
    }

    /// Whether a default or constraint has a statement of its own, as their writers decide it.
    fn is_apart(&self, object: &Object, breaks: &Breaks) -> bool {
        let of_view = || object.parent.and_then(|id| self.get(id)).is_some_and(|on| matches!(on.body, Body::View(_)));
        match &object.body {
            Body::Default(_) => breaks.separate.contains(&object.id) || of_view(),
            Body::Constraint(constraint) => match &constraint.rule {
                ConstraintRule::Check { .. } => !constraint.validated || breaks.separate.contains(&object.id),
                ConstraintRule::NotNull { .. } => false,
                _ => true,
            },
            _ => true,
        }
    }

    /// The section a carrier's statement belongs to.
    pub(super) fn section(&self, id: ObjectId, breaks: &Breaks) -> Section {
        if breaks.postponed.contains(&id) {
            return Section::PostData;
        }
        let of_domain = || self.get(id).and_then(|object| object.parent).is_some_and(|on| on.class == Class::Type);
        match id.class {
            Class::Constraint if of_domain() => Section::PreData,
            Class::Constraint
            | Class::Trigger
            | Class::Rule
            | Class::Policy
            | Class::Statistics
            | Class::Publication
            | Class::Subscription
            | Class::EventTrigger
            | Class::DefaultAcl => Section::PostData,
            Class::Relation if self.get(id).is_some_and(|object| matches!(object.body, Body::Index(_))) => {
                Section::PostData
            }
            _ => Section::PreData,
        }
    }
}

/// Nodes and their needs.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Identity of each node, in catalog order.
    pub nodes: Vec<(ObjectId, Part)>,
    numbers: FxHashMap<(ObjectId, Part), Node>,
    /// What each node needs, with the objects that need it: the node's own, or something printed inside it. Sorted.
    needs: Vec<Vec<(Node, ObjectId)>>,
}

impl Graph {
    /// Builds the graph under the breaks made so far.
    pub(super) fn new(objects: &Objects<'_>, breaks: &Breaks) -> Self {
        let mut graph = Self::default();
        for object in &objects.catalog.objects {
            if objects.carrier(object.id, breaks) != Some(object.id) {
                continue;
            }
            let whole = graph.node(object.id, Part::Whole);
            if has_shell(object, breaks) {
                let shell = graph.node(object.id, Part::Shell);
                graph.need(whole, shell, object.id);
            }
        }
        for object in &objects.catalog.objects {
            if object.is_given() {
                continue;
            }
            // An identity sequence's table, a rule's view: not every catalog row has its pg_depend row in every major.
            if let Some(parent) = object.parent {
                graph.add(objects, breaks, (object.id, parent), Part::Whole);
            }
        }
        for edge in &objects.catalog.edges {
            graph.edge(objects, breaks, edge);
        }
        for needs in &mut graph.needs {
            needs.sort_unstable();
            needs.dedup();
        }
        graph
    }

    /// What a node needs, and which object needs it: once for each such object, in order.
    pub(super) fn needs(&self, node: Node) -> &[(Node, ObjectId)] {
        &self.needs[node]
    }

    /// The nodes a node needs, in order.
    pub(super) fn needed(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        self.needs[node].chunk_by(|a, b| a.0 == b.0).filter_map(|same| Some(same.first()?.0))
    }

    /// Whether one node needs another.
    pub(super) fn is_needed(&self, node: Node, other: Node) -> bool {
        self.needed(node).any(|needed| needed == other)
    }

    /// A node's number, if it has one.
    pub(super) fn number(&self, id: ObjectId, part: Part) -> Option<Node> {
        self.numbers.get(&(id, part)).copied()
    }

    fn node(&mut self, id: ObjectId, part: Part) -> Node {
        *self.numbers.entry((id, part)).or_insert_with(|| {
            self.nodes.push((id, part));
            self.needs.push(Vec::new());
            self.nodes.len() - 1
        })
    }

    fn need(&mut self, from: Node, to: Node, via: ObjectId) {
        self.needs[from].push((to, via));
    }

    fn edge(&mut self, objects: &Objects<'_>, breaks: &Breaks, edge: &Edge) {
        let Some(dependent) = objects.get(edge.dependent) else { return };
        if dependent.is_given() || is_said_later(dependent, edge) {
            return;
        }
        let part = if has_shell(dependent, breaks) { parts_of(objects, dependent, edge) } else { &[Part::Whole] };
        for part in part {
            self.add(objects, breaks, (edge.dependent, edge.referenced), *part);
        }
    }

    /// Makes what carries the dependent need what carries the referenced object, or its shell.
    fn add(&mut self, objects: &Objects<'_>, breaks: &Breaks, edge: (ObjectId, ObjectId), part: Part) {
        let (dependent, referenced) = edge;
        let (Some(from), Some(to)) = (objects.carrier(dependent, breaks), objects.carrier(referenced, breaks)) else {
            return;
        };
        if breaks.given_up.contains(&(from, to)) {
            return;
        }
        let Some(from_node) = self.number(from, part).or_else(|| self.number(from, Part::Whole)) else { return };
        let waits = objects.section(to, breaks) > objects.section(from, breaks) && breaks.postponed.contains(&to);
        let shell = (waits && breaks.separate.contains(&to)) || breaks.shell_is_enough.contains(&(from, to));
        let wanted = if shell { Part::Shell } else { Part::Whole };
        let Some(to_node) = self.number(to, wanted).or_else(|| self.number(to, Part::Whole)) else { return };
        // A view may read itself, a function call itself, but only where that is what the query or body says.
        let own_query = dependent == referenced && part == Part::Whole;
        if from_node != to_node || own_query {
            self.need(from_node, to_node, dependent);
        }
    }
}

/// A type, view or function that is declared before it is whole.
fn has_shell(object: &Object, breaks: &Breaks) -> bool {
    let can = match &object.body {
        Body::Type(_) | Body::Function(_) => true,
        Body::View(view) => view.materialized.is_none(),
        _ => false,
    };
    can && breaks.separate.contains(&object.id)
}

/// Which statements of an object with a shell need the referenced object.
fn parts_of(objects: &Objects<'_>, dependent: &Object, edge: &Edge) -> &'static [Part] {
    const BOTH: &[Part] = &[Part::Shell, Part::Whole];
    let in_head = match &dependent.body {
        // A placeholder has the columns, with their types, and no query.
        Body::View(_) => !edge.by_rule,
        // A stub has the signature; bodies and the defaults of parameters are recognised by what no signature can name.
        Body::Function(function) => match edge.referenced.class {
            Class::Type | Class::Schema | Class::Language | Class::Extension | Class::Transform => true,
            Class::Relation if edge.referenced_column == 0 => {
                let named = |row: &Object| signature_names(function, &qualified(row.schema.as_deref(), &row.name));
                objects.get(edge.referenced).is_none_or(named)
            }
            _ => false,
        },
        // A domain without its default: what it is over, which may be a table's row.
        Body::Type(Type::Domain(_)) => match edge.referenced.class {
            Class::Type | Class::Schema | Class::Collation | Class::Extension => true,
            Class::Relation => !matches!(objects.get(edge.referenced).map(|o| &o.body), Some(Body::Sequence(_))),
            _ => false,
        },
        // A shell type lives in a schema and has nothing else.
        Body::Type(_) => edge.referenced.class == Class::Schema,
        _ => false,
    };
    if in_head { BOTH } else { &BOTH[1..] }
}

/// Whether a row type may stand in a signature; a body reads relations without naming their rows.
fn signature_names(function: &Function, row: &str) -> bool {
    let result = function.result.iter();
    [&function.identity_arguments, &function.signature].into_iter().chain(result).any(|text| text.contains(row))
}

/// Dependencies that a later statement of the object makes true: OWNED BY follows the sequence and its table.
fn is_said_later(dependent: &Object, edge: &Edge) -> bool {
    match &dependent.body {
        Body::Sequence(sequence) => {
            sequence.owned_by.as_ref().is_some_and(|owner| !owner.identity && owner.table == edge.referenced)
                && edge.kind == 'a'
        }
        _ => false,
    }
}

/// Types that are always declared before they are defined: their functions must be able to name them.
pub(super) fn is_born_separate(object: &Object) -> bool {
    !object.is_given() && matches!(&object.body, Body::Type(Type::Base(_)))
}
