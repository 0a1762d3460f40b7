//! A repository in a folder of its own, as `init` makes it, and whoever dumps into it and restores from it.

use std::path::PathBuf;

use pgfreight_engine::Result;
use pgfreight_engine::connect::{ConnectArgs, ConnectOptions, Environment, resolve};
use pgfreight_engine::ids::DumpId;
use pgfreight_engine::keys::{Identities, Label, Recipients, RepositoryIdentity, Wrap, WriterKey, nobody_to_ask};
use pgfreight_engine::run::dump::dump;
use pgfreight_engine::run::init;
use pgfreight_engine::run::opened::OpenedDump;
use pgfreight_engine::run::options::{DumpOptions, RestoreOptions, Surroundings, VerifyOptions};
use pgfreight_engine::run::reader::Access;
use pgfreight_engine::run::report::{DumpReport, RestoreReport};
use pgfreight_engine::run::restore::restore;
use pgfreight_engine::run::verify;
use pgfreight_engine::source::lane::LaneOptions;
use pgfreight_engine::store::{Pin, Repository, Store, StoreConfig};
use pgfreight_fixtures::{process, tools};

/// Connection options of a URL, whatever the environment says.
pub fn connect(url: &str) -> ConnectOptions {
    resolve(&ConnectArgs { dbname: Some(url.to_owned()), ..ConnectArgs::default() }, &Environment::default()).unwrap()
}

/// The repository `repository` and its reader's `identity.txt` in one folder.
pub struct Place {
    pub folder: tempfile::TempDir,
    writer: WriterKey,
    repository: Repository,
    reader: Access,
}

impl Place {
    /// A repository with one reader, whose identity `age-keygen` made, and one stranger.
    pub async fn encrypted() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = folder.path().join("identity.txt");
        process::run(tools::age_keygen().arg("-o").arg(&identity));
        let public = process::run(tools::age_keygen().arg("-y").arg(&identity));
        let mut mine = Recipients::new();
        mine.add(std::str::from_utf8(&public.stdout).unwrap()).unwrap();
        let mut strange = Recipients::new();
        strange.add(&RepositoryIdentity::generate().recipient()).unwrap();
        let readers = [("a.stranger", strange), ("me", mine)]
            .map(|(label, recipients)| (Label::parse(label).unwrap(), Wrap::Recipients(recipients)));
        let mut identities = Identities::new();
        identities.add_file("identity.txt", &std::fs::read(&identity).unwrap(), &nobody_to_ask()).unwrap();
        Self::made(folder, &readers, &identities).await
    }

    /// A repository without encryption.
    pub async fn plain() -> Self {
        Self::made(tempfile::tempdir().unwrap(), &[], &Identities::new()).await
    }

    async fn made(folder: tempfile::TempDir, readers: &[(Label, Wrap)], identities: &Identities) -> Self {
        let config = StoreConfig::new(folder.path().join("repository").to_str().unwrap());
        let writer = init(&config, readers).await.unwrap().writer;
        let repository = Repository::open(Store::open(&config).await.unwrap(), Pin::Any).await.unwrap();
        let reader = Access::open(&config, identities, false).await.unwrap();
        Self { folder, writer, repository, reader }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn dump(&self, source: &str, options: &DumpOptions) -> Result<DumpReport> {
        self.dump_as(source, options, &Surroundings::quiet()).await
    }

    pub async fn dump_as(&self, source: &str, options: &DumpOptions, around: &Surroundings) -> Result<DumpReport> {
        dump(&self.repository, &self.writer, &connect(source), options, around).await
    }

    pub async fn open(&self, dump: &DumpId) -> OpenedDump {
        self.reader.dump(dump).await.unwrap()
    }

    pub async fn restore(&self, dump: &DumpId, target: &str, options: &RestoreOptions) -> Result<RestoreReport> {
        self.restore_as(dump, target, options, &Surroundings::quiet()).await
    }

    pub async fn restore_as(
        &self,
        dump: &DumpId,
        target: &str,
        options: &RestoreOptions,
        around: &Surroundings,
    ) -> Result<RestoreReport> {
        let dump = self.open(dump).await;
        restore(&self.repository, &dump, &connect(target), options, around).await
    }

    /// What the two depths of verification that need no database find wrong.
    pub async fn problems(&self, dump: &DumpId) -> Vec<String> {
        let (options, around) = (VerifyOptions::default(), Surroundings::quiet());
        let dump = self.open(dump).await;
        let stored = verify::stored(&self.repository, &dump.manifest, &options, &around).await.unwrap();
        let opened = verify::opened(&self.repository, &dump, &options, &around).await.unwrap();
        assert!(stored.objects > 0 || dump.manifest.chunks.is_empty());
        assert_eq!(opened.rows, dump.contents.tables.iter().map(|table| table.rows).sum::<u64>());
        stored.problems.into_iter().chain(opened.problems).collect()
    }

    /// What differs between a dump and a database.
    pub async fn differences(&self, dump: &DumpId, database: &str) -> Vec<String> {
        let lane = LaneOptions { connect: connect(database), role: None, row_security: false };
        let dump = self.open(dump).await;
        verify::database(&dump, &lane, &VerifyOptions::default(), &Surroundings::quiet()).await.unwrap().problems
    }
}
