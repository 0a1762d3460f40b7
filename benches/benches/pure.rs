//! The pure parts on one core: what a lane's CPU time goes into.
//!
//! Rows look like TPC-H's lineitem: a few numbers, dates, short words. Throughput counts plaintext bytes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pgfreight_engine::format::CopyFormat;
use pgfreight_engine::format::manifest::GridMemory;
use pgfreight_engine::limits::{BATCH, CHUNK_TARGET};
use pgfreight_engine::plan::grid::{TableSize, choose};
use pgfreight_engine::plan::split::split;
use pgfreight_engine::seal::fingerprint::{BINARY_HEADER, BINARY_TRAILER};
use pgfreight_engine::seal::{Decryption, Encryption, Opener, Progress, RowHasher, SealSpec, Sealer};

const SIZE: usize = 8 << 20;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn fields(seed: &mut u64, number: u64) -> [String; 6] {
    const WORDS: [&str; 8] = ["carefully", "final", "deposits", "sleep", "quickly", "above", "the", "ironic"];
    let mut word = || WORDS[random(seed) as usize % WORDS.len()];
    let comment = format!("{} {} {}", word(), word(), word());
    let (a, b) = (random(seed) % 200_000, random(seed) % 10_000_000);
    let date = format!("199{}-0{}-1{}", random(seed) % 8, random(seed) % 9 + 1, random(seed) % 10);
    [number.to_string(), a.to_string(), format!("{}.{:02}", b / 100, b % 100), date, "TRUCK".into(), comment]
}

fn text() -> Vec<u8> {
    let (mut rows, mut seed) = (Vec::with_capacity(SIZE + 200), 1);
    for number in 0.. {
        rows.extend(fields(&mut seed, number).join("\t").into_bytes());
        rows.push(b'\n');
        if rows.len() >= SIZE {
            break;
        }
    }
    rows
}

fn binary() -> Vec<u8> {
    let (mut file, mut seed) = (BINARY_HEADER.to_vec(), 1);
    for number in 0.. {
        let fields = fields(&mut seed, number);
        file.extend((fields.len() as i16).to_be_bytes());
        for field in fields {
            file.extend((field.len() as i32).to_be_bytes());
            file.extend(field.into_bytes());
        }
        if file.len() >= SIZE {
            break;
        }
    }
    file.extend(BINARY_TRAILER);
    file
}

fn files() -> [(&'static str, CopyFormat, Vec<u8>); 2] {
    [("text", CopyFormat::Text, text()), ("binary", CopyFormat::Binary, binary())]
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
            let spec = SealSpec::new([1; 32], Encryption::Recipient(identity.to_public()), level).unwrap();
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
        let spec = SealSpec::new([1; 32], Encryption::Recipient(identity.to_public()), 3).unwrap();
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

fn splitting(c: &mut Criterion) {
    c.bench_function("split/1 TiB table", |b| {
        let size = TableSize { blocks: 1 << 27, bytes: 1 << 40 };
        b.iter(|| {
            split(black_box(size.blocks), choose(black_box(size), CHUNK_TARGET, Some(GridMemory { blocks: 4096 })))
        });
    });
}

criterion_group!(benches, row_hashing, sealing, opening, splitting);
criterion_main!(benches);
