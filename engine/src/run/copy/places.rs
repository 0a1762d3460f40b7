//! Where a copy goes from and to: two different databases, and what an earlier run left in the second.

use std::collections::BTreeMap;

use crate::connect::{self, ConnectOptions, Lane, Role};
use crate::error::{Error, Kind, Result};
use crate::run::options::RestoreOptions;
use crate::source::holder::Holder;
use crate::source::identity::Identity;
use crate::target::{copy_progress, progress};

/// Both ends.
pub(super) struct Places {
    /// What the source is recognised by when the copy is continued.
    pub(super) origin: String,
    /// How an interrupted run has cut tables, in blocks.
    pub(super) grids: BTreeMap<String, u32>,
}

impl Places {
    /// Looks at both.
    ///
    /// # Errors
    /// `Kind::Usage` if the target is the source, by whatever name.
    pub(super) async fn look(
        holder: &Holder,
        source: &ConnectOptions,
        target: &ConnectOptions,
        options: &RestoreOptions,
    ) -> Result<Self> {
        let from = Identity::read(&mut *holder.lane().await).await?;
        let mut lane = connect::lane(target, Role::Target).await?;
        let to = Identity::read(&mut lane).await?;
        refuse_same(&from, &to, options.create)?;
        let grids = match options.create {
            true => grids_of_created(&target.with_database(source.database())).await,
            false => copy_progress::grids(&mut lane).await?,
        };
        lane.close().await;
        let system = from.system.clone().unwrap_or_else(|| source.describe());
        Ok(Self { origin: format!("{}{system}/{}", progress::COPY_OF, from.database), grids })
    }
}

/// With `--create` the database may be there from an interrupted run, or not at all.
async fn grids_of_created(target: &ConnectOptions) -> BTreeMap<String, u32> {
    let found = async {
        let mut lane: Lane = connect::lane(target, Role::Target).await?;
        copy_progress::grids(&mut lane).await
    };
    found.await.unwrap_or_default()
}

fn refuse_same(from: &Identity, to: &Identity, create: bool) -> Result<()> {
    if from.is_same_database(to) {
        return Err(Error::new(Kind::Usage, "the target is the source itself")
            .hint("-d names the database that is read, --to the one that is written: they must differ."));
    }
    match create && from.is_same_server(to) {
        true => {
            Err(Error::new(Kind::Usage, "--create would make the source's own database on the source's own server")
                .hint("Create an empty database under another name, and copy into it without --create."))
        }
        false => Ok(()),
    }
}
