//! The catalog reader: a session inside the holder's snapshot that introspection queries.

use std::ops::Deref;

use tokio_postgres::Client;

use crate::connect::Session;

/// A tokio-postgres session whose transaction imported the snapshot. Dropping it ends that transaction.
pub struct CatalogReader {
    session: Session,
    superuser: bool,
}

impl CatalogReader {
    /// `as_itself`: no other role was set.
    pub(super) fn new(session: Session, as_itself: bool) -> Self {
        let superuser = as_itself && session.parameter("is_superuser") == Some("on");
        Self { session, superuser }
    }

    /// Whether its role is a superuser, as the server said when the session began (a pooler in between may say what it likes).
    pub fn is_superuser(&self) -> bool {
        self.superuser
    }

    /// The client, inside the transaction, with an empty `search_path`.
    pub fn client(&self) -> &Client {
        &self.session
    }
}

impl Deref for CatalogReader {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client()
    }
}
