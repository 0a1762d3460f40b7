//! The block grid: where a table is cut.
//!
//! Chunk borders are multiples of a power-of-two number of heap blocks, chosen from how many bytes a block stands for
//! (heap and TOAST), never from the table's length. A table that only grows keeps its borders, so its untouched ranges
//! give identical bytes in the next dump and are not stored again. What was chosen once is remembered (in the public
//! half, under keyed names) and kept until it is badly off, because every change of grid stores the table anew.

use crate::format::manifest::GridMemory;
use crate::limits::HEAP_PAGE;

/// How far off a remembered grid may be, as a factor in either direction.
const TOLERANCE: u64 = 4;

/// Most blocks in one chunk: 2^30 blocks are 8 TiB.
const BLOCKS_MAX: u32 = 1 << 30;

/// How large a table is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableSize {
    /// Heap blocks.
    pub blocks: u32,
    /// Bytes of heap and TOAST.
    pub bytes: u64,
}

impl TableSize {
    /// Bytes of the table behind each heap block, at least 1.
    pub fn bytes_per_block(self) -> u64 {
        match self.blocks {
            0 => HEAP_PAGE,
            blocks => (self.bytes / u64::from(blocks)).max(1),
        }
    }
}

/// The grid for a table whose chunks aim for `target` bytes, keeping the remembered one while it is not more than 4 times
/// too fine or too coarse.
pub fn choose(size: TableSize, target: u64, remembered: Option<GridMemory>) -> GridMemory {
    let ideal = (target / size.bytes_per_block()).clamp(1, u64::from(BLOCKS_MAX));
    match remembered.filter(|grid| grid.blocks.is_power_of_two() && grid.blocks <= BLOCKS_MAX) {
        Some(grid) if near(u64::from(grid.blocks), ideal) => grid,
        _ => GridMemory { blocks: power_of_two_up_to(ideal) },
    }
}

fn near(blocks: u64, ideal: u64) -> bool {
    blocks <= ideal * TOLERANCE && blocks * TOLERANCE >= ideal
}

/// The largest power of two that is not above `value` (from 1 to `BLOCKS_MAX`).
fn power_of_two_up_to(value: u64) -> u32 {
    1 << value.max(1).ilog2().min(BLOCKS_MAX.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CHUNK_TARGET;

    fn heap(blocks: u32) -> TableSize {
        TableSize { blocks, bytes: u64::from(blocks) * HEAP_PAGE }
    }

    #[test]
    fn length_does_not_matter() {
        let small = choose(heap(1), CHUNK_TARGET, None);
        assert_eq!(small.blocks, 8192);
        for blocks in [0, 7, 100_000, u32::MAX] {
            assert_eq!(choose(heap(blocks), CHUNK_TARGET, None), small);
        }
    }

    #[test]
    fn toast_makes_the_grid_finer() {
        let size = TableSize { blocks: 100, bytes: 100 * HEAP_PAGE + (100 << 20) };
        assert_eq!(choose(size, CHUNK_TARGET, None).blocks, 32);
        let one_huge_value = TableSize { blocks: 1, bytes: 600 << 20 };
        assert_eq!(choose(one_huge_value, CHUNK_TARGET, None).blocks, 1);
    }

    #[test]
    fn remembered_grids_are_kept_until_badly_off() {
        let grid = |blocks| Some(GridMemory { blocks });
        for kept in [2048, 4096, 8192, 16384, 32768] {
            assert_eq!(choose(heap(9), CHUNK_TARGET, grid(kept)).blocks, kept);
        }
        for replaced in [0, 1, 1024, 3000, 65536, u32::MAX] {
            assert_eq!(choose(heap(9), CHUNK_TARGET, grid(replaced)).blocks, 8192);
        }
    }
}
