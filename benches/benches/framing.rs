//! The framing of COPY on a lane, over loopback, beside a server that costs next to nothing: the loop that runs once per row
//! of a dump, and the frames of a load. Throughput counts payload.

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pgfreight_benches::{rows, stand_in};
use pgfreight_engine::connect::{ConnectArgs, Environment, Lane, Role, lane, resolve};
use pgfreight_engine::limits::BATCH;
use tokio::runtime::Runtime;

async fn open(url: String) -> Lane {
    let args = ConnectArgs { dbname: Some(url), ..ConnectArgs::default() };
    lane(&resolve(&args, &Environment::default()).unwrap(), Role::Source).await.unwrap()
}

/// All payload, thrown away batch by batch.
async fn read(lane: &mut Lane, buffer: &mut BytesMut) -> usize {
    let mut copy = lane.copy_out("COPY rows TO STDOUT").await.unwrap();
    let mut bytes = 0;
    loop {
        let more = copy.read(buffer, BATCH).await.unwrap();
        bytes += buffer.len();
        buffer.clear();
        if !more {
            return bytes;
        }
    }
}

/// A file in pieces of one size: rows one by one are gathered, batches go out as they are.
async fn write(lane: &mut Lane, file: &[u8], piece: usize) {
    let mut copy = lane.copy_in("COPY rows FROM STDIN").await.unwrap();
    for part in file.chunks(piece) {
        copy.send(part).await.unwrap();
    }
    copy.finish().await.unwrap();
}

fn framing(c: &mut Criterion) {
    let file = rows::text();
    let address = stand_in::listen(&file);
    let runtime = Runtime::new().unwrap();
    let mut lane = runtime.block_on(open(format!("postgresql://bench@{address}/bench?sslmode=disable")));
    let mut buffer = BytesMut::with_capacity(BATCH);
    assert_eq!(runtime.block_on(read(&mut lane, &mut buffer)), file.len(), "the lane hands over what was sent");
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("copy out", |b| b.iter(|| runtime.block_on(read(&mut lane, &mut buffer))));
    for (name, piece) in [("copy in/rows", 100), ("copy in/batches", BATCH)] {
        group.bench_function(name, |b| b.iter(|| runtime.block_on(write(&mut lane, &file, piece))));
    }
    group.finish();
}

criterion_group!(benches, framing);
criterion_main!(benches);
