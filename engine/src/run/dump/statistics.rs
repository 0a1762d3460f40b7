//! The planner's statistics of what is dumped.

use futures_util::future::OptionFuture;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::introspect::Features;
use crate::introspect::planner_statistics::{self, Found};
use crate::plan::select::Selection;
use crate::source::holder::Holder;
use crate::source::reader::CatalogReader;

/// Waits for locks and then for other work in the snapshot, and reads statistics where they are carried: beside both where the
/// catalogs are large and the server has one more session to give, otherwise while the locks leave the reader idle.
///
/// They are alone on their connection: values that are no text make them begin again, from a savepoint.
pub(super) async fn read_beside<T>(
    (holder, reader): (&Holder, &CatalogReader),
    (catalog, selection): (&Catalog, &Selection),
    (locks, work): (impl Future<Output = Result<()>>, impl Future<Output = Result<T>>),
) -> Result<(T, Found)> {
    if !selection.statistics {
        locks.await?;
        return Ok((work.await?, Found::default()));
    }
    let features = Features::of(catalog.server.version);
    let read = async |reader: &CatalogReader| {
        let reader = (reader.client(), reader.is_superuser());
        planner_statistics::read(reader, &features, &catalog.objects).await
    };
    // All to their end: work that is dropped half way would leave its statement running.
    let beside = holder.second_reader().filter(|_| holder.has_large_catalogs());
    let Some(beside) = OptionFuture::from(beside).await.flatten() else {
        let (locked, found) = tokio::join!(locks, read(reader));
        locked?;
        return Ok((work.await?, found?));
    };
    let working = async {
        locks.await?;
        work.await
    };
    let (done, found) = tokio::join!(working, read(&beside));
    let done = done?;
    match found {
        Err(_) if beside.client().is_closed() => Ok((done, read(reader).await?)),
        found => Ok((done, found?)),
    }
}

/// Adds those that are wanted, and names those that could not be read.
pub(super) fn add(selected: &mut Catalog, selection: &Selection, mut found: Found) {
    let wanted = selection.with_statistics(&selected.objects);
    found.statistics.retain(|found| wanted.contains(&found.relation));
    selected.planner_statistics = found.statistics;
    for (_, lost) in found.damaged.into_iter().filter(|(relation, _)| wanted.contains(relation)) {
        // A column that is left out says enough.
        if !selected.unsupported.iter().any(|other| other.class == "column" && other.name == lost.name) {
            selected.unsupported.push(lost);
        }
    }
    selected.unsupported.sort();
}
