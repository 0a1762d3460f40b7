//! Copies into nothing: `floor own|tokio-postgres LANES URL FILE` runs the COPY statements of a file, one a line, on so many
//! connections, throws the bytes away and prints how many there were. What is left of a dump is the server's work and the reading.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use futures_util::TryStreamExt;
use pgfreight_engine::connect::{ConnectArgs, ConnectOptions, Environment, Role, lane, resolve};

/// Bytes that a lane reads before it throws them away: as a dump does.
const BATCH: usize = pgfreight_engine::limits::BATCH;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Statements that nobody has taken yet.
#[derive(Clone)]
struct Queue(Arc<Mutex<VecDeque<String>>>);

impl Queue {
    fn next(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, lanes, url, file] = arguments.as_slice() else {
        eprintln!("usage: floor own|tokio-postgres LANES URL FILE");
        return ExitCode::from(2);
    };
    match run(client, lanes, url, file) {
        Ok(bytes) => {
            println!("{bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("floor: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(client: &str, lanes: &str, url: &str, file: &str) -> Result<u64, Failure> {
    let statements = std::fs::read_to_string(file)?.lines().map(str::to_owned).collect();
    let queue = Queue(Arc::new(Mutex::new(statements)));
    let args = ConnectArgs { dbname: Some(url.to_owned()), ..ConnectArgs::default() };
    let options = resolve(&args, &Environment::default())?;
    let lanes: u32 = lanes.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..lanes {
            match client {
                "own" => running.spawn(own(options.clone(), queue.clone())),
                "tokio-postgres" => running.spawn(tokio_postgres(url.to_owned(), queue.clone())),
                other => return Err(format!("no client is named {other}").into()),
            };
        }
        let mut bytes = 0;
        while let Some(lane) = running.join_next().await {
            bytes += lane??;
        }
        Ok(bytes)
    })
}

/// The engine's lanes.
async fn own(options: ConnectOptions, queue: Queue) -> Result<u64, Failure> {
    let mut lane = lane(&options, Role::Source).await?;
    let (mut bytes, mut buffer) = (0, BytesMut::with_capacity(BATCH));
    while let Some(statement) = queue.next() {
        let mut copy = lane.copy_out(&statement).await?;
        loop {
            let more = copy.read(&mut buffer, BATCH).await?;
            bytes += buffer.len() as u64;
            buffer.clear();
            if !more {
                break;
            }
        }
    }
    lane.close().await;
    Ok(bytes)
}

/// A message, an allocation and a hop through a channel for every row.
async fn tokio_postgres(url: String, queue: Queue) -> Result<u64, Failure> {
    let (client, connection) = ::tokio_postgres::connect(&url, ::tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let mut bytes = 0;
    while let Some(statement) = queue.next() {
        let mut rows = std::pin::pin!(client.copy_out(statement.as_str()).await?);
        while let Some(row) = rows.try_next().await? {
            bytes += row.len() as u64;
        }
    }
    drop(client);
    connection.await??;
    Ok(bytes)
}
