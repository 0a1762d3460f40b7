//! Every stored byte against the digest it is named by. Anyone can do the same with `b3sum`.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{cancelled, empty};
use crate::error::{Kind, Result};
use crate::event::{Counters, Event};
use crate::format::manifest::VerifiedManifest;
use crate::ids::Digest;
use crate::run::cpu_pool::CpuPool;
use crate::run::options::{Surroundings, VerifyOptions};
use crate::run::report::VerifyReport;
use crate::store::Repository;

/// Reads all objects of a dump, `jobs` at a time.
pub async fn check(
    repository: &Repository,
    manifest: &VerifiedManifest,
    options: &VerifyOptions,
    around: &Surroundings,
) -> Result<VerifyReport> {
    let objects: BTreeMap<Digest, u64> = manifest
        .chunks
        .iter()
        .flat_map(|chunk| &chunk.pieces)
        .map(|piece| (piece.object, piece.object_length))
        .collect();
    around.news.tell(Event::Planned {
        dump: Some(manifest.dump.clone()),
        tables: 0,
        chunks: objects.len() as u64,
        bytes: objects.values().sum(),
        done_before: 0,
    });
    let mut report = empty(manifest, "stored");
    if let Err(error) = repository.read_contents(manifest).await {
        match error.kind() {
            Kind::Verification => report.problems.push(format!("contents: {error}")),
            _ => return Err(error),
        }
    }
    report.objects = 1 + objects.len() as u64;
    report.stored_bytes = manifest.contents.length + objects.values().sum::<u64>();
    let pool = CpuPool::with_all_cores()?;
    let mut checks = stream::iter(objects)
        .map(|(object, length)| one(repository, &pool, around, (object, length)))
        .buffer_unordered(options.jobs.max(1));
    loop {
        tokio::select! {
            biased;
            () = around.stop.cancelled() => return Err(cancelled()),
            next = checks.next() => match next {
                None => break,
                Some(problem) => report.problems.extend(problem?),
            },
        }
    }
    drop(checks);
    report.problems.sort();
    Ok(report)
}

/// The problem with one object, if there is one.
async fn one(
    repository: &Repository,
    pool: &CpuPool,
    around: &Surroundings,
    (object, length): (Digest, u64),
) -> Result<Option<String>> {
    let mut hasher = blake3::Hasher::new();
    let mut blocks = repository.read_object(object, 0..length);
    while let Some(block) = blocks.next().await {
        let block = match block {
            Ok(block) => block,
            Err(error) if error.kind() == Kind::Verification => return Ok(Some(format!("object {object}: {error}"))),
            Err(error) => return Err(error),
        };
        Counters::add(&around.news.counters.stored_bytes, block.len() as u64);
        hasher = pool
            .run(move || {
                hasher.update(&block);
                hasher
            })
            .await?;
    }
    Counters::add(&around.news.counters.chunks, 1);
    let found = Digest(*hasher.finalize().as_bytes());
    Ok((found != object).then(|| format!("object {object}: its bytes have the digest {found}")))
}
