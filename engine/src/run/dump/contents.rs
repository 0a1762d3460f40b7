//! The contents, written and sealed while rows are copied: all of them but the tables' chunks is known when the survey ends, and of
//! a database of many tables that is a good part of a dump's own work.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use tokio::task::JoinHandle;

use super::Run;
use crate::catalog::Catalog;
use crate::ddl::{self, Dialect, Entry};
use crate::error::{Error, Kind, Result};
use crate::format::contents::{Header, TableData, Unfinished, capabilities};
use crate::format::line_limit::TooLarge;
use crate::format::manifest::StoredContents;
use crate::plan::select::Selection;
use crate::run::report::Loss;
use crate::seal;
use crate::source::holder::Holder;

/// Contents that wait for their tables. Dropped, nothing becomes of them.
pub(super) struct Writing {
    /// What they need of their reader.
    pub(super) capabilities: Vec<String>,
    tables: Sender<Vec<TableData>>,
    sealed: JoinHandle<Result<Vec<u8>>>,
}

impl Writing {
    /// Begins, on a thread of its own: it waits, which nobody who seals rows may do.
    pub(super) fn begin(
        run: &Run<'_>,
        holder: &Holder,
        (catalog, selection): (Catalog, Selection),
        losses: &[Loss],
    ) -> Self {
        let header = Header {
            dump: run.dump.clone(),
            snapshot: holder.snapshot().to_owned(),
            encoding: holder.encoding().to_owned(),
            options: run.options.record.clone(),
            losses: losses.iter().map(|l| (l.class.clone(), l.name.clone(), l.reason.clone())).collect(),
        };
        let capabilities = capabilities(&catalog, run.writer.recipient().is_some());
        let (tables, arriving) = channel();
        let tables_of_dump =
            move || arriving.recv().map_err(|_| io::Error::other("the rows were not copied to their end"));
        let catalog = Arc::new(catalog);
        let entries = entries(Arc::clone(&catalog), selection);
        let contents = Unfinished { header, catalog, entries, tables: tables_of_dump };
        let (encryption, level) = (run.encryption.clone(), run.options.level);
        let sealing = move || {
            let write = |out: &mut dyn io::Write| contents.write(out).map_err(unwritable);
            seal::seal_whole(&encryption, level, write)
        };
        Self { capabilities, tables, sealed: tokio::task::spawn_blocking(sealing) }
    }

    /// Completes and stores them.
    ///
    /// # Errors
    /// `Kind::Store`; `Kind::Usage` where no reader would take them.
    pub(super) async fn finish(self, run: &Run<'_>, tables: Vec<TableData>) -> Result<StoredContents> {
        // If nobody listens any more, the other end says why.
        let _ = self.tables.send(tables);
        let failed = |panic| Error::new(Kind::Bug, "whoever writes the contents failed").because(panic);
        let sealed = self.sealed.await.map_err(failed)??;
        run.repository.put_contents(&run.dump, sealed.into()).await
    }
}

/// Begins to write the entries beside the catalog; gives what waits for them.
fn entries(catalog: Arc<Catalog>, selection: Selection) -> impl FnOnce() -> io::Result<Vec<Entry>> + Send {
    let (entries, written) = channel();
    tokio::task::spawn_blocking(move || {
        let toc = ddl::write(&catalog, Dialect { target: catalog.server.version });
        drop(catalog);
        // Nobody waits where the catalog could not be written.
        let _ = entries.send(selection.kept(toc));
    });
    move || written.recv().map_err(|_| io::Error::other("whoever writes the entries failed"))
}

fn unwritable(error: io::Error) -> Error {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<TooLarge>()) {
        Some(too_large) => Error::new(Kind::Usage, "the schema is too large for one dump")
            .because(*too_large)
            .hint("Dump it in parts, some schemas at a time (-n)."),
        None => Error::new(Kind::Bug, "cannot write the contents").because(error),
    }
}
