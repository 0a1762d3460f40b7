//! The catalog reader: a session inside the holder's snapshot that introspection queries.

use tokio_postgres::Client;

use crate::connect::Session;

/// A tokio-postgres session whose transaction imported the snapshot. Dropping it ends that transaction.
pub struct CatalogReader {
    session: Session,
}

impl CatalogReader {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// The client, inside the transaction, with an empty `search_path`.
    pub fn client(&self) -> &Client {
        &self.session
    }
}
