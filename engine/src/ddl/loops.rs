//! Breaking the loops that PostgreSQL allows and a script cannot: what is created apart, as a shell first, or after the data.
//!
//! First everything in pre-data that needs something of post-data (a view, a matview or a BEGIN ATOMIC function that groups
//! by a primary key) is moved there, and what needs it in turn. Then every strongly connected part of what is left loses one
//! edge at a time, the one that costs least, in catalog order, until none is left. Where nothing can be set apart, one need is
//! given up, as pg_dump does: a restore tries the statement all the same and names it if the server refuses.

use std::collections::BTreeSet;

use super::Section;
use super::function::defaults_call;
use super::graph::{Breaks, Graph, Node, Objects, Part, is_born_separate};
use crate::catalog::constraint::ConstraintRule;
use crate::catalog::function::{Function, Source};
use crate::catalog::typ::Type;
use crate::catalog::{Body, Class, Object, ObjectId};

/// Decides all breaks of a catalog.
pub(super) fn resolve(objects: &Objects<'_>) -> (Breaks, Graph) {
    let mut breaks = Breaks::default();
    let born = objects.catalog.objects.iter().filter(|object| is_born_separate(object));
    breaks.separate.extend(born.map(|object| object.id));
    io_functions(objects, &mut breaks);
    breaks.separate.extend(checks_that_may_read(objects));
    loop {
        let graph = postpone(objects, &mut breaks);
        let loops = components(&graph);
        if loops.is_empty() {
            return (breaks, graph);
        }
        for members in loops {
            if !break_one(objects, &graph, &members, &mut breaks) {
                give_up_one(&graph, &members, &mut breaks);
            }
        }
    }
}

/// Functions that a type with a shell needs make do with the shell.
fn io_functions(objects: &Objects<'_>, breaks: &mut Breaks) {
    for edge in &objects.catalog.edges {
        let by_type = edge.dependent.class == Class::Type && breaks.separate.contains(&edge.dependent);
        if by_type && edge.referenced.class == Class::Function {
            breaks.shell_is_enough.insert((edge.referenced, edge.dependent));
        }
    }
}

/// Checks of plain tables that call a function with a body of its own: it may read a table that is loaded later, and then
/// the check would refuse rows that are right. They are added when all rows are there. What inherits or is inherited from
/// keeps its checks, because copies of them come and go with the tables.
fn checks_that_may_read(objects: &Objects<'_>) -> Vec<ObjectId> {
    let parents = objects.catalog.objects.iter().flat_map(|object| match &object.body {
        Body::Table(table) => table.parents.as_slice(),
        _ => &[],
    });
    let parents: BTreeSet<ObjectId> = parents.copied().collect();
    let plain = |id: ObjectId| match objects.get(id).map(|object| &object.body) {
        Some(Body::Table(table)) => table.parents.is_empty() && !parents.contains(&id),
        _ => false,
    };
    let reads = |id: ObjectId| match objects.get(id) {
        Some(object) if !object.is_given() => match &object.body {
            Body::Function(function) => !matches!(function.language.as_str(), "c" | "internal"),
            _ => false,
        },
        _ => false,
    };
    let check = |object: &&Object| match &object.body {
        Body::Constraint(constraint) => {
            matches!(constraint.rule, ConstraintRule::Check { .. })
                && object.parent.is_some_and(plain)
                && objects.needs(object.id).iter().any(|edge| reads(edge.referenced))
        }
        _ => false,
    };
    objects.catalog.objects.iter().filter(check).map(|object| object.id).collect()
}

/// Moves to post-data until nothing before it needs anything in it.
fn postpone(objects: &Objects<'_>, breaks: &mut Breaks) -> Graph {
    loop {
        let graph = Graph::new(objects, breaks);
        let early = |id: ObjectId, breaks: &Breaks| objects.section(id, breaks) == Section::PreData;
        let mut offences = BTreeSet::new();
        for (node, (id, part)) in graph.nodes.iter().copied().enumerate() {
            if part == Part::Shell || !early(id, breaks) {
                continue;
            }
            let late = graph.needs(node).iter().filter(|(to, _)| {
                let (to, part) = graph.nodes[*to];
                part == Part::Whole && !early(to, breaks)
            });
            offences.extend(late.map(|(to, via)| (id, *via, graph.nodes[*to].0)));
        }
        if offences.is_empty() {
            return graph;
        }
        for (id, via, late) in offences {
            if !move_after_data(objects, id, via, breaks) {
                breaks.given_up.insert((id, late));
            }
        }
    }
}

/// Moves one object, or the part of it that needs something late.
fn move_after_data(objects: &Objects<'_>, id: ObjectId, via: ObjectId, breaks: &mut Breaks) -> bool {
    let Some(object) = objects.get(via) else { return false };
    if via != id {
        return set_apart(object, breaks) && (via.class != Class::Default || breaks.postponed.insert(via));
    }
    match &object.body {
        Body::View(view) if view.materialized.is_none() => {
            breaks.separate.insert(id);
            breaks.postponed.insert(id)
        }
        Body::Table(_) | Body::Type(_) | Body::Schema(_) | Body::Extension(_) | Body::Sequence(_) => false,
        _ => breaks.postponed.insert(id),
    }
}

/// Takes a default or check out of the statement it is printed in.
fn set_apart(object: &Object, breaks: &mut Breaks) -> bool {
    match &object.body {
        Body::Default(default) if default.generated.is_none() => breaks.separate.insert(object.id),
        Body::Constraint(_) => breaks.separate.insert(object.id),
        _ => false,
    }
}

/// What breaking costs; the cheapest in a loop goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Cost {
    ShellType,
    Default,
    Check,
    DomainDefault,
    Placeholder,
    Stub,
    Generated,
}

/// Makes the cheapest break inside a strongly connected part; false if there is none.
fn break_one(objects: &Objects<'_>, graph: &Graph, members: &BTreeSet<Node>, breaks: &mut Breaks) -> bool {
    let inside = |node: Node| graph.needs(node).iter().filter(|(to, _)| members.contains(to)).map(|(_, via)| *via);
    let mut choices = BTreeSet::new();
    for &node in members {
        let (id, part) = graph.nodes[node];
        for child in inside(node).filter(|via| *via != id) {
            match objects.get(child).map(|object| &object.body) {
                Some(Body::Default(default)) => {
                    let cost = if default.generated.is_none() { Cost::Default } else { Cost::Generated };
                    if cost == Cost::Default || stands_alone(objects, id) {
                        choices.insert((cost, node, child));
                    }
                }
                Some(Body::Constraint(_)) => {
                    choices.insert((Cost::Check, node, child));
                }
                _ => {}
            }
        }
        let own = inside(node).any(|via| via == id);
        if let Some(object) = objects.get(id)
            && part == Part::Whole
            && own
            && let Some(cost) = shell_cost(object, breaks)
        {
            choices.insert((cost, node, id));
        }
    }
    choices.into_iter().any(|choice| set_out(objects, graph, members, choice, breaks))
}

/// Makes one break; false if it was made before.
fn set_out(
    objects: &Objects<'_>,
    graph: &Graph,
    members: &BTreeSet<Node>,
    (cost, node, id): (Cost, Node, ObjectId),
    breaks: &mut Breaks,
) -> bool {
    match cost {
        Cost::Default | Cost::Check | Cost::Generated => breaks.separate.insert(id),
        Cost::ShellType => {
            breaks.separate.insert(id);
            io_functions(objects, breaks);
            true
        }
        Cost::DomainDefault | Cost::Placeholder | Cost::Stub => {
            if cost == Cost::DomainDefault {
                // What is added to a domain needs it whole; what is printed in it would need its first statement.
                let checks = objects.catalog.objects.iter().filter(|object| object.parent == Some(id));
                breaks.separate.extend(checks.map(|check| check.id));
            }
            let dependents = members.iter().filter(|other| graph.is_needed(**other, node));
            let pairs: Vec<_> = dependents.map(|other| (graph.nodes[*other].0, id)).collect();
            let known = breaks.shell_is_enough.len();
            breaks.shell_is_enough.extend(pairs);
            breaks.separate.insert(id) || breaks.shell_is_enough.len() > known
        }
    }
}

/// Gives up the first need inside a strongly connected part.
fn give_up_one(graph: &Graph, members: &BTreeSet<Node>, breaks: &mut Breaks) {
    let inside = |node: &Node| graph.needed(*node).find(|to| members.contains(to)).map(|to| (*node, to));
    if let Some((node, to)) = members.iter().find_map(inside) {
        breaks.given_up.insert((graph.nodes[node].0, graph.nodes[to].0));
    }
}

/// A table that neither inherits nor is inherited from: what is said of its columns concerns nobody else.
fn stands_alone(objects: &Objects<'_>, id: ObjectId) -> bool {
    let parents_of = |object: &Object| match &object.body {
        Body::Table(table) => table.parents.clone(),
        _ => Vec::new(),
    };
    objects.get(id).is_some_and(|table| matches!(table.body, Body::Table(_)) && parents_of(table).is_empty())
        && !objects.catalog.objects.iter().any(|other| parents_of(other).contains(&id))
}

/// What it would cost to declare an object first, if that can be done at all.
fn shell_cost(object: &Object, breaks: &Breaks) -> Option<Cost> {
    match &object.body {
        Body::Type(Type::Range(_) | Type::Base(_)) if !breaks.separate.contains(&object.id) => Some(Cost::ShellType),
        Body::View(view) if view.materialized.is_none() => Some(Cost::Placeholder),
        Body::Type(Type::Domain(domain)) if domain.default.is_some() => Some(Cost::DomainDefault),
        Body::Function(function) if is_more_than_signature(function) => Some(Cost::Stub),
        _ => None,
    }
}

/// Whether the server looks into a function's body or the defaults of its parameters when it is made.
fn is_more_than_signature(function: &Function) -> bool {
    matches!(function.source, Source::Parsed { .. }) || defaults_call(function)
}

/// Strongly connected parts of more than one node, and nodes that need themselves, in node order (Tarjan, without
/// recursion: a chain of views may be long).
fn components(graph: &Graph) -> Vec<BTreeSet<Node>> {
    const NEW: usize = usize::MAX;
    let count = graph.nodes.len();
    let needs: Vec<Vec<Node>> = (0..count).map(|node| graph.needed(node).collect()).collect();
    let (mut index, mut low) = (vec![NEW; count], vec![0; count]);
    let (mut on_stack, mut stack, mut next) = (vec![false; count], Vec::new(), 0);
    let mut found = Vec::new();
    for root in 0..count {
        let mut work = if index[root] == NEW { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, at)) = work.pop() {
            if at == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                low[node] = low[node].min(low[needs[node][at - 1]]);
            }
            let pending = (at..needs[node].len()).find(|i| {
                let to = needs[node][*i];
                if index[to] != NEW && on_stack[to] {
                    low[node] = low[node].min(index[to]);
                }
                index[to] == NEW
            });
            if let Some(i) = pending {
                work.push((node, i + 1));
                work.push((needs[node][i], 0));
                continue;
            }
            if low[node] == index[node] {
                let mut members = BTreeSet::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    members.insert(member);
                    if member == node {
                        break;
                    }
                }
                if members.len() > 1 || graph.is_needed(node, node) {
                    found.push(members);
                }
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests;
