//! Cutting a table into block ranges (promise 4): half-open, disjoint, covering everything from block 0 to an open end.

use super::dump_plan::Span;
use crate::format::manifest::GridMemory;

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
