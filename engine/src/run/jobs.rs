//! `-j auto`: asks what can be known, chooses, and says so.

use crate::connect::{Lane, capacity};
use crate::error::Result;
use crate::event::{Event, News};
use crate::limits::LANES_MAX;
use crate::plan::jobs::{self, Choice, Facts, ServerFacts};

/// Chooses the lanes for so many pieces of work on the server behind a lane. `carries` says whether the memory budget can
/// have so many; `most` is the user's bound.
pub async fn with_server(
    lane: &mut Lane,
    pieces: usize,
    most: usize,
    carries: impl Fn(usize) -> bool,
) -> Result<Choice> {
    let is_here = lane.is_local();
    let free_connections = capacity::free_connections(lane).await?;
    Ok(choose(Some(ServerFacts { is_here, free_connections }), pieces, most, carries))
}

/// Lanes that there are at least; `auto` takes as many as fit.
pub fn fewest(auto: bool, jobs: usize) -> usize {
    if auto { 1 } else { jobs }
}

/// Chooses for work without a server.
pub fn without_server(pieces: usize, most: usize, carries: impl Fn(usize) -> bool) -> Choice {
    choose(None, pieces, most, carries)
}

fn choose(server: Option<ServerFacts>, pieces: usize, most: usize, carries: impl Fn(usize) -> bool) -> Choice {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = (1..=most.min(LANES_MAX)).rev().find(|lanes| carries(*lanes)).unwrap_or(1);
    jobs::choose(Facts { cores, server, pieces, most })
}

/// Says what was chosen and why.
pub fn tell(choice: &Choice, news: &News) {
    let jobs = u32::try_from(choice.jobs).unwrap_or(u32::MAX);
    news.tell(Event::Jobs { jobs, reason: choice.reason.to_string() });
}
