//! The entries of a restore: those that filters and switches leave, and what these need and the target lacks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cargo::Cargo;
use super::prepare::{table_of_contents, wanted};
use crate::catalog::{Catalog, Class, Object, ObjectId};
use crate::connect::Lane;
use crate::ddl::{Entry, Toc};
use crate::error::Result;
use crate::event::{Event, News};
use crate::plan::pull::{self, Needs};
use crate::plan::select_entries as select;
use crate::run::options::RestoreOptions;
use crate::target::facts::TargetFacts;
use crate::target::prepared::display_name;
use crate::target::present;
use crate::target::progress::Done;

/// Warnings of one kind that are written out; the rest is counted.
const NAMED: usize = 10;

/// Written for the target's version, in the order of a list file if there is one. What an interrupted run brought along
/// counts as brought, not as there.
pub(super) async fn entries(
    cargo: &Cargo,
    (lane, facts): (&mut Lane, &TargetFacts),
    options: &RestoreOptions,
    found: Option<&Done>,
    news: &News,
) -> Result<Vec<Entry>> {
    let toc = table_of_contents(cargo, facts.version)?;
    let mut chosen = select::select_entries(&toc, &options.filters)?;
    if pull::applies(&options.filters) {
        let needs = Needs::of(&toc, &chosen, select::unwanted(&toc, &options.filters)?);
        let objects = objects(&cargo.contents.catalog, &needs);
        let mut present = present::read(lane, &objects).await?;
        if let Some(done) = found {
            let ours = toc.entries.iter().filter(|entry| done.entries.contains(&entry.id));
            ours.filter_map(|entry| entry.object).for_each(|object| _ = present.remove(&object));
        }
        let pulled = needs.pull(&present);
        tell(&toc, &pulled.missing, news);
        let without: BTreeSet<u32> = unpublished(&toc, &pulled.missing);
        chosen.extend(pulled.entries);
        chosen.retain(|id| !without.contains(id));
        chosen.sort_unstable();
    }
    Ok(in_order(toc.entries, &chosen, |entry| wanted(entry, options)))
}

/// The chosen entries that are wanted, in the order of choice. Where it is their own, nothing is moved or copied.
fn in_order(mut entries: Vec<Entry>, chosen: &[u32], is_wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
    let mut places: HashMap<u32, usize> = HashMap::with_capacity(chosen.len());
    for (place, id) in chosen.iter().enumerate() {
        places.entry(*id).or_insert(place);
    }
    entries.retain(|entry| places.contains_key(&entry.id) && is_wanted(entry));
    entries.sort_unstable_by_key(|entry| places.get(&entry.id).copied());
    entries
}

/// The objects of everything that could be brought.
fn objects<'a>(catalog: &'a Catalog, needs: &Needs<'_>) -> Vec<&'a Object> {
    let ids: BTreeSet<ObjectId> = needs.all().into_iter().filter_map(|entry| entry.object).collect();
    catalog.objects.iter().filter(|object| ids.contains(&object.id)).collect()
}

/// A table's place in a publication that the target does not have: no loss of the table's.
fn unpublished(toc: &Toc, missing: &[(u32, u32)]) -> BTreeSet<u32> {
    let by_id: HashMap<u32, &Entry> = toc.entries.iter().map(|entry| (entry.id, entry)).collect();
    let is_publication = |id: &u32| {
        by_id.get(id).and_then(|entry| entry.object).is_some_and(|object| object.class == Class::Publication)
    };
    missing.iter().filter(|(id, needed)| is_publication(id) && is_publication(needed)).map(|(id, _)| *id).collect()
}

/// Names what is needed and neither asked for nor there, once each, with the first that needs it.
fn tell(toc: &Toc, missing: &[(u32, u32)], news: &News) {
    let by_id: HashMap<u32, &Entry> = toc.entries.iter().map(|entry| (entry.id, entry)).collect();
    let mut told: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (id, needed) in missing {
        told.entry(*needed).or_default().push(*id);
    }
    let name = |id: &u32| {
        by_id.get(id).map_or_else(String::new, |entry| format!("{} {}", entry.desc.to_lowercase(), display_name(entry)))
    };
    for (needed, by) in told.iter().take(NAMED) {
        let more = match by.len() {
            0 | 1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        let first = by.first().map(name).unwrap_or_default();
        let message = format!("{first}{more} needs {}: not asked for, and the target does not have it", name(needed));
        news.tell(Event::Warning { message });
    }
    if told.len() > NAMED {
        let message = format!("and {} more that are not asked for and that the target lacks", told.len() - NAMED);
        news.tell(Event::Warning { message });
    }
}
