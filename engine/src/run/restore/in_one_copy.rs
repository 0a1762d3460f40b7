//! Tables whose rows refer to rows of the same table, while the foreign key is in force: an extension's, and everybody's where
//! only data is restored.
//!
//! A server looks at a key's rows when a statement ends. Chunks that refer to each other in a circle are therefore refused one by
//! one, whatever their order, and accepted in one COPY. That is one lane's work for the whole table, so only tables that were
//! refused for this reason come here.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::second_try::PutOff;
use super::{Run, load};
use crate::connect::{CopyIn, Lane};
use crate::error::{Error, Kind, Result};
use crate::format::joined::Joined;
use crate::run::chunk_source::{Place, ReadChunk};
use crate::target::copy_in;

/// Loads what can be loaded so, and takes it out of what was put off. What is refused again stays in it.
pub(super) async fn load(run: &Run, put_off: &mut PutOff) -> Result<()> {
    // Such tables may refer to one another, too: each that comes in may open the way for others.
    while let Some(loaded) = first_that_fits(run, put_off).await? {
        put_off.loaded(loaded);
    }
    Ok(())
}

async fn first_that_fits(run: &Run, put_off: &PutOff) -> Result<Option<usize>> {
    for &number in &put_off.referring {
        let chunks = put_off.chunks_of(number);
        if chunks.len() > 1 && table(run, number, &chunks).await? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Loads chunks of a table in one transaction; false if it was taken back.
async fn table(run: &Run, number: usize, chunks: &[usize]) -> Result<bool> {
    let places: Vec<Place> = chunks.iter().map(|chunk| (run.plan.loads[number].table, *chunk)).collect();
    let mut lane = run.open_lane().await?;
    let outcome = transaction(run, &mut lane, &places).await;
    lane.close().await;
    let read = match outcome {
        Ok(read) => read,
        Err(error) if error.kind() == Kind::Cancelled => return Err(error),
        // Each chunk will be tried alone once more, and say what is wrong with it.
        Err(_) => return Ok(false),
    };
    for (place, read) in places.into_iter().zip(read) {
        run.note(place, read.reading).await?;
        load::tell_done(run, (number, place.1), read);
    }
    load::tell_if_complete(run, number, true);
    Ok(true)
}

/// Begin, write down, copy, commit. Gives what was read.
async fn transaction(run: &Run, lane: &mut Lane, places: &[Place]) -> Result<Vec<ReadChunk>> {
    let data = &run.cargo.contents.tables[places[0].0];
    let encoding = &run.cargo.contents.header.encoding;
    let begin = copy_in::begin(data, places, run.rules.attempt, (data.format, encoding));
    let mut copy = lane.copy_in(&begin).await?;
    let mut joined = Joined::file(data.format);
    let mut all = Vec::with_capacity(places.len());
    for place in places {
        match chunk(run, &mut copy, &mut joined, *place).await {
            Ok(read) => all.push(read),
            Err(error) => {
                copy.abort(load::NOT_READ).await?;
                return Err(error);
            }
        }
    }
    copy.send(joined.end()).await?;
    let (stored, expected) = (copy.finish().await?, all.iter().map(|read| read.reading.rows).sum::<u64>());
    if stored != expected {
        return Err(Error::new(Kind::Target, format!("{stored} of {expected} rows were stored")));
    }
    let loaded = places.iter().zip(&all);
    let notes: Vec<String> =
        loaded.filter(|_| run.rules.attempt.is_some()).map(|(place, read)| noted(run, *place, *read)).collect();
    lane.execute(&copy_in::end(data, (!notes.is_empty()).then(|| notes.join("; ")).as_deref())).await?;
    Ok(all)
}

/// Reads and sends one chunk.
async fn chunk(run: &Run, copy: &mut CopyIn<'_>, joined: &mut Joined, place: Place) -> Result<ReadChunk> {
    let (sender, mut blocks) = mpsc::channel::<Bytes>(load::QUEUE);
    let reading = AbortOnDropHandle::new(tokio::spawn(run.chunks.read(place, sender)));
    while let Some(block) = load::next_block(run, &mut blocks).await? {
        let raw = block.len();
        load::send_block(run, copy, &joined.push(Vec::from(block)), raw).await?;
    }
    let read = load::read_to_its_end(reading).await?;
    joined.chunk_ends().map_err(|missing| Error::new(Kind::Verification, missing.to_string()))?;
    Ok(read)
}

fn noted(run: &Run, place: Place, read: ReadChunk) -> String {
    load::loaded_chunk(&run.cargo.contents.tables[place.0], place.1, read.reading).add_to(place)
}
