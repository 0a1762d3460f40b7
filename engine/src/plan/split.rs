//! Cutting a table into block ranges (promise 4): half-open, disjoint, covering everything from block 0 to an open end.

use super::dump_plan::Span;
use crate::format::manifest::GridMemory;
use crate::limits::CHUNK_TARGET;

/// Blocks of a span, of a table that has `blocks`.
pub fn blocks_in(span: Span, blocks: u32) -> u32 {
    span.to.unwrap_or(blocks).min(blocks).saturating_sub(span.from)
}

/// The ranges of a table with `blocks` blocks: cut at every multiple of the grid below its length, the last range open.
pub fn split(blocks: u32, grid: GridMemory) -> Vec<Span> {
    let step = grid.blocks.max(1);
    let count = blocks.div_ceil(step).max(1);
    (0..count)
        .map(|number| Span { from: number * step, to: (number + 1 < count).then(|| (number + 1) * step) })
        .collect()
}

/// Blocks read back at a time where a table is cut: as many as a chunk aims for.
const READ_BACK: u32 = (CHUNK_TARGET / 8192) as u32;

/// The largest table that is read back whole: what a lost connection may cost.
const READ_WHOLE_MOST: u64 = 16 * READ_BACK as u64;

/// The ranges in which a table of so many blocks, of `all` blocks that are to be read, is read back by so many lanes. A range
/// costs the server an eighth more than the plain copy of a whole table, so a table is cut only where lanes would be idle
/// otherwise: when it holds more than one lane's share, and a quarter.
pub fn to_read_back(blocks: u64, all: u64, lanes: usize) -> Vec<Span> {
    let share_and_quarter = all.saturating_mul(5) / (4 * lanes.max(1) as u64);
    if blocks <= READ_WHOLE_MOST && blocks <= share_and_quarter {
        return vec![Span::WHOLE];
    }
    split(u32::try_from(blocks).unwrap_or(u32::MAX), GridMemory { blocks: READ_BACK })
}

/// The ranges in which a table of so many blocks is read back by lanes that would wait: small ones, because what such a lane
/// waited for may end at any moment.
pub fn to_read_back_in_pieces(blocks: u64) -> Vec<Span> {
    split(u32::try_from(blocks).unwrap_or(u32::MAX), GridMemory { blocks: READ_BACK / 4 })
}

/// Whether ranges, in this order, are half-open, disjoint and cover block 0 to an open end.
pub fn covers(ranges: impl IntoIterator<Item = Span>) -> bool {
    let mut next = Some(0);
    for range in ranges {
        if next != Some(range.from) || range.to.is_some_and(|to| to <= range.from) {
            return false;
        }
        next = range.to;
    }
    next.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_covers() {
        let mut seed = 1u64;
        for round in 0..2000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let grid = GridMemory { blocks: 1 << ((seed >> 33) % 20 + 1) };
            let blocks = match round % 4 {
                0 => 0,
                1 => grid.blocks * ((seed >> 50) as u32 % 50),
                2 => (grid.blocks * ((seed >> 50) as u32 % 50)).saturating_sub(1),
                _ => (seed >> 40) as u32 % 1_000_000,
            };
            let ranges = split(blocks, grid);
            assert!(covers(ranges.iter().copied()), "{blocks} {grid:?}");
            assert_eq!(ranges.iter().map(|range| blocks_in(*range, blocks)).sum::<u32>(), blocks);
            assert!(ranges.iter().all(|range| blocks_in(*range, blocks) <= grid.blocks));
            assert!(ranges.iter().all(|range| range.from % grid.blocks == 0));
        }
    }

    #[test]
    fn tables_are_read_back_whole_unless_lanes_would_be_idle() {
        let chunk = u64::from(READ_BACK);
        assert_eq!(to_read_back(6 * chunk, 10 * chunk, 2), [Span::WHOLE]);
        assert_eq!(to_read_back(6 * chunk, 10 * chunk, 3).len(), 6);
        assert_eq!(to_read_back(7 * chunk, 10 * chunk, 2).len(), 7);
        assert_eq!(to_read_back(16 * chunk, 100 * chunk, 4), [Span::WHOLE]);
        assert_eq!(to_read_back(17 * chunk, 100 * chunk, 4).len(), 17);
        assert_eq!(to_read_back(3, 4, 8), [Span::WHOLE], "a piece of a chunk is not cut");
        for (blocks, all, lanes) in [(0, 0, 0), (1, 1, 64), (u64::MAX, u64::MAX, 1), (100_000, 100_001, 7)] {
            assert!(covers(to_read_back(blocks, all, lanes)), "{blocks} {all} {lanes}");
            assert!(covers(to_read_back_in_pieces(blocks)), "{blocks}");
        }
    }

    #[test]
    fn the_largest_table_does_not_overflow() {
        let ranges = split(u32::MAX, GridMemory { blocks: 1 << 20 });
        assert!(covers(ranges.iter().copied()));
        assert_eq!(ranges.len(), 4096);
    }

    #[test]
    fn a_growing_table_keeps_its_borders() {
        let grid = GridMemory { blocks: 64 };
        let before = split(1000, grid);
        let after = split(5000, grid);
        assert_eq!(before[..before.len() - 1], after[..before.len() - 1]);
    }

    #[test]
    fn covers_refuses_gaps_overlaps_and_closed_ends() {
        let range = |from, to| Span { from, to };
        assert!(covers([range(0, Some(5)), range(5, None)]));
        for bad in [
            vec![],
            vec![range(0, Some(5))],
            vec![range(1, None)],
            vec![range(0, Some(5)), range(6, None)],
            vec![range(0, Some(5)), range(4, None)],
            vec![range(0, Some(0)), range(0, None)],
            vec![range(0, None), range(0, None)],
        ] {
            assert!(!covers(bad));
        }
    }
}
