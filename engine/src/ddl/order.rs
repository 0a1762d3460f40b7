//! Drafts to a table of contents: who waits for whom, and one deterministic order.
//!
//! Sections follow each other; inside one, what is ready goes by the rank of its class, then schema, name, kind. Comments
//! and labels follow right behind what they speak of. Privileges come after everything that a restore does as somebody
//! else's role, default privileges after every CREATE, then materialized views are filled, and event triggers close the
//! door. The order depends on drafts and breaks alone, hence on the model alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::draft::{Draft, Stage};
use super::graph::{Breaks, Graph, Objects, Part};
use super::{Entry, EntryKind, Section, Toc};
use crate::catalog::permutation::permute;
use crate::catalog::{Body, Class, ObjectId};

/// Where in the whole run a draft belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    PreData,
    Data,
    PostData,
    Privileges,
    DefaultPrivileges,
    Refresh,
    Statistics,
    EventTriggers,
}

/// Sorts drafts that are ready: phase, class, then names.
type Key<'a> = (Phase, u8, &'a str, &'a str, &'static str, Stage, Option<ObjectId>);

/// Puts drafts in order and numbers them. `first` entries (the cluster's, the database) go in front. Of many objects this is
/// where most memory is in use at a time: what is not needed any more goes at once.
pub(super) fn arrange(
    objects: &Objects<'_>,
    (breaks, graph): (&Breaks, Graph),
    first: Vec<Entry>,
    drafts: Vec<Draft>,
) -> Toc {
    let mut drafts = postponed(drafts, breaks);
    let roster = Roster::new(objects, breaks, &drafts);
    let mut needs = roster.needs(&graph);
    drop(graph);
    let order = roster.order(&needs);
    drop(roster);
    let offset = first.len() as u32;
    let mut place = vec![0; drafts.len()];
    for (position, draft) in order.iter().enumerate() {
        place[*draft] = offset + position as u32 + 1;
    }
    for (own, needs) in place.iter().zip(&mut needs) {
        needs.iter_mut().for_each(|need| *need = place[*need as usize]);
        // Only what was given up comes later than what needs it.
        needs.retain(|need| need < own);
    }
    drop(place);
    permute(order, |a, b| {
        drafts.swap(a, b);
        needs.swap(a, b);
    });
    Toc { entries: numbered(first, drafts, needs) }
}

/// Drafts in order to entries, from the last to the first: what a draft took is given back on the way.
fn numbered(first: Vec<Entry>, mut drafts: Vec<Draft>, mut needs: Vec<Vec<u32>>) -> Vec<Entry> {
    const GIVE_BACK: usize = 4096;
    let offset = first.len();
    let mut entries = Vec::with_capacity(offset + drafts.len());
    while let (Some(draft), Some(mut depends)) = (drafts.pop(), needs.pop()) {
        depends.sort_unstable();
        entries.push(entry((offset + drafts.len() + 1) as u32, draft, depends));
        if drafts.len().is_multiple_of(GIVE_BACK) {
            drafts.shrink_to_fit();
        }
    }
    let numbers = 1_u32..;
    let first: Vec<Entry> = numbers.zip(first).map(|(id, entry)| Entry { id, ..entry }).collect();
    entries.extend(first.into_iter().rev());
    entries.reverse();
    entries
}

/// Moves what must wait for post-data there.
fn postponed(mut drafts: Vec<Draft>, breaks: &Breaks) -> Vec<Draft> {
    for draft in &mut drafts {
        let waits = breaks.postponed.contains(&draft.object) && draft.stage != Stage::Placeholder;
        if waits && draft.section == Section::PreData {
            let satellite = !matches!(draft.kind, EntryKind::Create);
            let has_shell = breaks.separate.contains(&draft.object);
            if !(satellite && has_shell) {
                draft.section = Section::PostData;
            }
        }
    }
    drafts
}

pub(super) fn entry(id: u32, draft: Draft, depends: Vec<u32>) -> Entry {
    Entry {
        id,
        kind: draft.kind,
        desc: draft.desc.to_owned(),
        section: draft.section,
        schema: draft.schema,
        name: draft.name,
        owner: draft.owner,
        object: Some(draft.object),
        relation: draft.relation,
        create: draft.create,
        set_owner: draft.set_owner,
        drop: draft.drop,
        depends,
        locks: draft.locks,
        tablespace: draft.tablespace,
        access_method: draft.access_method,
        secret: draft.secret,
        losses: draft.losses,
    }
}

/// The drafts by what they provide.
struct Roster<'a> {
    objects: &'a Objects<'a>,
    breaks: &'a Breaks,
    drafts: &'a [Draft],
    /// Drafts that make an object or its shell.
    makers: FxHashMap<(ObjectId, Part), Vec<usize>>,
    refreshes: FxHashMap<ObjectId, usize>,
    data: FxHashMap<ObjectId, usize>,
}

impl<'a> Roster<'a> {
    fn new(objects: &'a Objects<'a>, breaks: &'a Breaks, drafts: &'a [Draft]) -> Self {
        let mut makers: FxHashMap<_, Vec<_>> = FxHashMap::default();
        let (mut refreshes, mut data) = (FxHashMap::default(), FxHashMap::default());
        for (number, draft) in drafts.iter().enumerate() {
            match (draft.kind, draft.stage) {
                (EntryKind::Create, Stage::Main) => {
                    makers.entry((draft.object, Part::Whole)).or_default().push(number);
                }
                (EntryKind::Create, Stage::Placeholder) => {
                    makers.entry((draft.object, Part::Shell)).or_default().push(number);
                }
                (EntryKind::Refresh, _) => {
                    refreshes.insert(draft.object, number);
                }
                (EntryKind::TableData, _) => {
                    data.insert(draft.object, number);
                }
                _ => {}
            }
        }
        Self { objects, breaks, drafts, makers, refreshes, data }
    }

    /// The drafts that bring an object into being: its own, or those of what carries it.
    fn providers(&self, id: ObjectId, part: Part) -> &[usize] {
        let own = |id, part| self.makers.get(&(id, part)).map(Vec::as_slice);
        let either = |id| own(id, part).or_else(|| own(id, Part::Whole)).or_else(|| own(id, Part::Shell));
        either(id).or_else(|| self.objects.carrier(id, self.breaks).and_then(either)).unwrap_or(&[])
    }

    /// Every draft's needs, by number, sorted.
    fn needs(&self, graph: &Graph) -> Vec<Vec<u32>> {
        let mut needs = Vec::with_capacity(self.drafts.len());
        for (number, draft) in self.drafts.iter().enumerate() {
            let mut set = Vec::new();
            let makes = draft.kind == EntryKind::Create;
            match draft.stage {
                Stage::Placeholder if makes => self.follow(graph, (draft.object, Part::Shell), &mut set),
                Stage::Main if makes => {
                    self.follow(graph, (draft.object, Part::Whole), &mut set);
                    set.extend(self.makers.get(&(draft.object, Part::Shell)).into_iter().flatten());
                }
                _ => set.extend(self.providers(draft.object, Part::Whole)),
            }
            for other in &draft.after {
                set.extend(self.providers(*other, Part::Whole));
                if draft.kind == EntryKind::TableData {
                    set.extend(self.data.get(other));
                }
            }
            if draft.kind == EntryKind::Refresh {
                set.extend(self.refreshes_below(draft.object));
            }
            set.retain(|need| *need != number);
            set.sort_unstable();
            set.dedup();
            needs.push(set.into_iter().map(|need| need as u32).collect());
        }
        needs
    }

    /// Adds the drafts that a node of the graph waits for.
    fn follow(&self, graph: &Graph, node: (ObjectId, Part), set: &mut Vec<usize>) {
        let Some(node) = graph.number(node.0, node.1).or_else(|| graph.number(node.0, Part::Whole)) else {
            return;
        };
        for need in graph.needed(node) {
            let (id, part) = graph.nodes[need];
            set.extend(self.providers(id, part));
        }
    }

    /// Refreshes of the materialized views that one reads, directly or through views and functions.
    fn refreshes_below(&self, view: ObjectId) -> Vec<usize> {
        let mut seen = FxHashSet::from_iter([view]);
        let mut work = vec![view];
        let mut found = Vec::new();
        while let Some(id) = work.pop() {
            for edge in self.objects.needs(id) {
                let passes = matches!(edge.referenced.class, Class::Relation | Class::Function);
                if !passes || !seen.insert(edge.referenced) {
                    continue;
                }
                found.extend(self.refreshes.get(&edge.referenced));
                work.push(edge.referenced);
            }
        }
        found
    }

    /// A topological order; ties by key. Where all that is left waits for each other (materialized views that read each other
    /// through functions), the first by key goes on without what it waits for.
    fn order(&self, needs: &[Vec<u32>]) -> Vec<usize> {
        let by_key = self.by_key();
        let mut rank = vec![0; by_key.len()];
        for (position, number) in by_key.iter().enumerate() {
            rank[*number as usize] = position as u32;
        }
        let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
        let dependents = Dependents::of(needs);
        let satellite = |number: usize| is_satellite(&self.drafts[number]);
        let (mut ready, mut behind) = (BinaryHeap::new(), BinaryHeap::new());
        for number in (0..self.drafts.len()).filter(|number| waiting[*number] == 0) {
            ready.push(Reverse(rank[number]));
        }
        let mut order = Vec::with_capacity(self.drafts.len());
        while order.len() < self.drafts.len() {
            let next = behind.pop().or_else(|| ready.pop()).map(|Reverse(first)| by_key[first as usize]);
            let stuck = || by_key.iter().copied().find(|number| waiting[*number as usize] > 0);
            let Some(number) = next.or_else(stuck) else { break };
            waiting[number as usize] = 0;
            order.push(number as usize);
            for dependent in dependents.on(number as usize) {
                let dependent = *dependent as usize;
                if waiting[dependent] == 0 {
                    continue;
                }
                waiting[dependent] -= 1;
                if waiting[dependent] == 0 {
                    let queue = if satellite(dependent) { &mut behind } else { &mut ready };
                    queue.push(Reverse(rank[dependent]));
                }
            }
        }
        order
    }

    /// The drafts' numbers in the order of their keys.
    fn by_key(&self) -> Vec<u32> {
        let mut keyed: Vec<(Key<'_>, u32)> =
            self.drafts.iter().enumerate().map(|(number, draft)| (self.key(draft), number as u32)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, number)| number).collect()
    }

    fn key(&self, draft: &'a Draft) -> Key<'a> {
        let schema = draft.schema.as_deref().unwrap_or("");
        (phase(draft), self.rank(draft), schema, &draft.name, draft.desc, draft.stage, Some(draft.object))
    }

    /// The order of classes where dependencies leave a choice: what others are likely to need first.
    fn rank(&self, draft: &Draft) -> u8 {
        if draft.stage == Stage::Attach && draft.section == Section::PreData {
            return 60;
        }
        match draft.object.class {
            Class::Schema => 0,
            Class::Language => 2,
            Class::Extension => 3,
            Class::Collation => 4,
            Class::AccessMethod => 5,
            Class::Type => 6,
            Class::Function => 7,
            Class::Cast => 8,
            Class::Transform => 9,
            Class::Operator => 10,
            Class::OperatorFamily => 11,
            Class::OperatorClass => 12,
            Class::Conversion => 13,
            Class::TextSearchParser => 14,
            Class::TextSearchTemplate => 15,
            Class::TextSearchDictionary => 16,
            Class::TextSearchConfiguration => 17,
            Class::ForeignDataWrapper => 18,
            Class::ForeignServer => 19,
            Class::UserMapping => 20,
            Class::Relation => self.relation_rank(draft.object),
            Class::Default => 50,
            Class::LargeObject => 55,
            Class::Constraint => {
                if draft.desc == "FK CONSTRAINT" {
                    76
                } else {
                    70
                }
            }
            Class::Statistics => 72,
            Class::Rule => 73,
            Class::Trigger => 74,
            Class::Policy => 77,
            Class::Publication => 78,
            Class::Subscription => 79,
            Class::DefaultAcl => 80,
            Class::EventTrigger => 81,
            // They never come here: their order is their writer's.
            Class::Role | Class::Tablespace | Class::Parameter => 0,
        }
    }

    fn relation_rank(&self, id: ObjectId) -> u8 {
        match self.objects.get(id).map(|object| &object.body) {
            Some(Body::Sequence(_)) => 30,
            Some(Body::Table(_)) => 31,
            Some(Body::View(_)) => 32,
            Some(Body::Index(_)) => 71,
            _ => 33,
        }
    }
}

/// Who waits for each draft, in one list.
struct Dependents {
    /// Where each draft's part of the list ends.
    ends: Vec<u32>,
    list: Vec<u32>,
}

impl Dependents {
    fn of(needs: &[Vec<u32>]) -> Self {
        let mut ends = vec![0; needs.len()];
        for need in needs.iter().flatten() {
            ends[*need as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        // Filled from behind, so that each part is in order.
        let mut list = vec![0; end as usize];
        let mut free = ends.clone();
        for (number, needs) in needs.iter().enumerate().rev() {
            for need in needs {
                let place = &mut free[*need as usize];
                *place -= 1;
                list[*place as usize] = number as u32;
            }
        }
        Self { ends, list }
    }

    fn on(&self, number: usize) -> &[u32] {
        let from = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.list[from as usize..self.ends[number] as usize]
    }
}

/// Comments and labels: they follow what they speak of at once.
fn is_satellite(draft: &Draft) -> bool {
    matches!(draft.kind, EntryKind::Comment | EntryKind::SecurityLabel)
}

fn phase(draft: &Draft) -> Phase {
    match (draft.kind, draft.section) {
        (EntryKind::Acl, _) if draft.object.class == Class::DefaultAcl => Phase::DefaultPrivileges,
        (EntryKind::Acl, _) => Phase::Privileges,
        (EntryKind::Refresh, _) => Phase::Refresh,
        (EntryKind::Statistics, _) => Phase::Statistics,
        _ if draft.object.class == Class::DefaultAcl => Phase::DefaultPrivileges,
        _ if draft.object.class == Class::EventTrigger => Phase::EventTriggers,
        (_, Section::PreData) => Phase::PreData,
        (_, Section::Data) => Phase::Data,
        (_, Section::PostData) => Phase::PostData,
    }
}
