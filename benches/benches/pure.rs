//! The pure parts on one core: what a lane's CPU time goes into. Throughput counts plaintext bytes.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pgfreight_benches::rows;
use pgfreight_engine::format::CopyFormat;
use pgfreight_engine::format::manifest::GridMemory;
use pgfreight_engine::limits::{BATCH, CHUNK_TARGET};
use pgfreight_engine::plan::grid::{TableSize, choose};
use pgfreight_engine::plan::split::split;
use pgfreight_engine::recode::{Field, Recoder};
use pgfreight_engine::seal::{Decryption, Encryption, Opener, Progress, RowHasher, SealSpec, Sealer};

fn files() -> [(&'static str, CopyFormat, Vec<u8>); 2] {
    [("text", CopyFormat::Text, rows::text()), ("binary", CopyFormat::Binary, rows::binary())]
}

fn row_hashing(c: &mut Criterion) {
    let mut group = c.benchmark_group("row_hashing");
    for (name, format, file) in files() {
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut hasher = RowHasher::new(format);
                file.chunks(BATCH).for_each(|part| hasher.push(part).unwrap());
                hasher.finish().unwrap()
            });
        });
    }
    group.finish();
}

fn seal(spec: &SealSpec, format: CopyFormat, file: &[u8]) -> Bytes {
    let mut sealer = Sealer::new(spec, format).unwrap();
    file.chunks(BATCH).for_each(|part| sealer.push(part).unwrap());
    sealer.finish().unwrap().0.concat().into()
}

fn sealing(c: &mut Criterion) {
    let identity = age::x25519::Identity::generate();
    let mut group = c.benchmark_group("seal");
    group.sample_size(10);
    for (name, format, file) in files() {
        group.throughput(Throughput::Bytes(file.len() as u64));
        for level in [1, 3] {
            let spec = SealSpec::new([1; 32], Encryption::Recipient(identity.to_public().into()), level).unwrap();
            group.bench_function(format!("{name}/zstd:{level}"), |b| b.iter(|| seal(&spec, format, &file)));
        }
        let spec = SealSpec::new([1; 32], Encryption::None, 1).unwrap();
        group.bench_function(format!("{name}/zstd:1/unencrypted"), |b| b.iter(|| seal(&spec, format, &file)));
    }
    group.finish();
}

fn opening(c: &mut Criterion) {
    let identity = age::x25519::Identity::generate();
    let mut group = c.benchmark_group("open");
    group.sample_size(10);
    for (name, format, file) in files() {
        let spec = SealSpec::new([1; 32], Encryption::Recipient(identity.to_public().into()), 3).unwrap();
        let sealed = seal(&spec, format, &file);
        let by = Decryption::Identity(identity.clone());
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(name, |b| {
            b.iter_batched(
                || (sealed.clone(), Opener::new(&by, format, None).unwrap()),
                |(sealed, opener)| open(sealed, opener),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn open(sealed: Bytes, mut opener: Opener) -> u64 {
    opener.feed(sealed).unwrap();
    opener.end_of_sealed().unwrap();
    let mut plain = Vec::with_capacity(BATCH);
    while opener.pull(&mut plain).unwrap() != Progress::Ended {
        plain.clear();
    }
    opener.finish().unwrap().rows
}

/// What a load in binary costs the client where text is stored.
fn recoding(c: &mut Criterion) {
    let file = rows::text();
    let fields: Arc<[Field]> =
        Arc::new([Field::Int8, Field::Int4, Field::Numeric, Field::Date, Field::Text, Field::Text]);
    let mut out = Vec::with_capacity(2 * BATCH);
    let mut group = c.benchmark_group("recode");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("text", |b| {
        b.iter(|| {
            let mut recoder = Recoder::new(Arc::clone(&fields));
            for part in file.chunks(BATCH) {
                out.clear();
                recoder.push(part, &mut out).unwrap();
            }
            recoder.end(&mut out).unwrap();
        });
    });
    group.finish();
}

fn splitting(c: &mut Criterion) {
    c.bench_function("split/1 TiB table", |b| {
        let size = TableSize { blocks: 1 << 27, bytes: 1 << 40 };
        b.iter(|| {
            split(black_box(size.blocks), choose(black_box(size), CHUNK_TARGET, Some(GridMemory { blocks: 4096 })))
        });
    });
}

criterion_group!(benches, row_hashing, sealing, opening, recoding, splitting);
criterion_main!(benches);
