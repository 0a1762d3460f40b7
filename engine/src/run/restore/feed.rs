//! What a chunk is sent as: the text that is stored, or in binary, where reading the text costs us less than it costs the server
//! (docs/decisions).
//!
//! Binary is never the last word. What [`crate::recode`] does not read, and what the server refuses in that form, goes to it once more
//! as text, and so do all later chunks of that table: then the server says what it thinks of the values themselves.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Run, locked};
use crate::connect::{self, Lane};
use crate::error::{Error, Kind, Result};
use crate::format::CopyFormat;
use crate::format::contents::{DataKind, TableData};
use crate::limits::MIB;
use crate::recode::{Field, Recoder, Unsuitable};
use crate::run::cpu_pool::CpuPool;
use crate::target::column_types;
use crate::target::progress;
use crate::target::refusal::ends_the_run;

/// Loads with less are not worth asking the target for its types.
const WORTH: u64 = MIB / 4;

/// The only encoding in which text and binary rows of a lane are the same bytes: it is the lane's own.
const ENCODING: &str = "UTF8";

/// The fields of loads that go in binary; `None` for those that go as text.
#[derive(Debug, Default)]
pub(super) struct Feeds(Mutex<BTreeMap<usize, Option<Arc<[Field]>>>>);

/// How the rows of one chunk are sent.
pub(super) enum Feed {
    /// As they are.
    AsStored(CopyFormat),
    /// Text as binary.
    Recoded(Box<Recoder>),
}

impl Run {
    /// How the next chunk of a load is sent. The first one asks the target what its columns hold.
    pub(super) async fn feed(&self, lane: &mut Lane, load: usize) -> Result<Feed> {
        let planned = &self.plan.loads[load];
        let data = &self.cargo.contents.tables[planned.table];
        let known = locked(&self.feeds.0).get(&load).cloned();
        let fields = match known {
            Some(known) => known,
            None => {
                let encoding = &self.cargo.contents.header.encoding;
                let may_be = data.kind == DataKind::Table && data.format == CopyFormat::Text && encoding == ENCODING;
                let is_worth_it = may_be && planned.chunks.iter().sum::<u64>() >= WORTH;
                let fields = if is_worth_it { fields(lane, data).await? } else { None };
                locked(&self.feeds.0).entry(load).or_insert(fields).clone()
            }
        };
        Ok(match fields {
            None => Feed::AsStored(data.format),
            Some(fields) => Feed::Recoded(Box::new(Recoder::new(fields))),
        })
    }

    /// From now on the load's chunks go as they are stored.
    pub(super) fn feed_as_stored(&self, load: usize) -> Feed {
        let data = &self.cargo.contents.tables[self.plan.loads[load].table];
        locked(&self.feeds.0).insert(load, None);
        Feed::AsStored(data.format)
    }
}

/// The fields of a table's rows, if all of them are known and binary is cheaper.
async fn fields(lane: &mut Lane, data: &TableData) -> Result<Option<Arc<[Field]>>> {
    let types = column_types::read(lane.execute(&column_types::query(&data.schema, &data.name)).await?);
    let field = |column: &String| types.get(column).and_then(|(oid, kind)| Field::of(*oid, *kind));
    let fields: Option<Vec<Field>> = data.columns.iter().map(field).collect();
    Ok(fields.filter(|fields| Field::are_worth_it(fields)).map(Arc::from))
}

impl Feed {
    /// The format of the COPY that takes it.
    pub(super) fn format(&self) -> CopyFormat {
        match self {
            Self::AsStored(format) => *format,
            Self::Recoded(_) => CopyFormat::Binary,
        }
    }

    /// What is to be sent for a block of the chunk.
    pub(super) async fn turn(self, block: Bytes, pool: &CpuPool) -> Result<(Self, Bytes)> {
        let Self::Recoded(mut recoder) = self else { return Ok((self, block)) };
        let turning = move || {
            // Numbers may be longer than their text, strings are not: half as much again is enough for most.
            let mut out = Vec::with_capacity(block.len() + block.len() / 2);
            recoder.push(&block, &mut out).map(|()| (recoder, out))
        };
        let (recoder, out) = pool.run(turning).await?.map_err(unsuitable)?;
        Ok((Self::Recoded(recoder), out.into()))
    }

    /// What is to be sent behind the last block.
    pub(super) fn end(self) -> Result<Bytes> {
        match self {
            Self::AsStored(_) => Ok(Bytes::new()),
            Self::Recoded(recoder) => {
                let mut out = Vec::new();
                recoder.end(&mut out).map_err(unsuitable)?;
                Ok(out.into())
            }
        }
    }
}

fn unsuitable(cause: Unsuitable) -> Error {
    Error::new(Kind::Target, "a chunk cannot be sent in binary").because(cause)
}

/// Whether it was found here that the rows are better sent as they are.
pub(super) fn is_unsuitable(error: &Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<Unsuitable>())
}

/// Whether a chunk that failed in binary may fare better, or will at least be judged by what it holds, as text.
pub(super) fn is_worth_text(error: &Error, lane: &Lane) -> bool {
    let refused = connect::server_error(error).is_some_and(|server| !ends_the_run(&server.code));
    is_unsuitable(error) || (refused && lane.is_usable() && !error.is_passing() && !progress::is_done_already(error))
}
