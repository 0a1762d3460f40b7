//! Every bound in one place, with its reason. Sizes are bytes unless the name says otherwise.

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// Bytes of a heap page (PostgreSQL's `BLCKSZ`). Every supported build we know uses it; with others, chunks only get another size.
pub const HEAP_PAGE: u64 = 8 << 10;

/// Default memory budget of a whole run (promise 7).
pub const MEMORY_BUDGET: u64 = 256 * MIB;

/// Raw bytes a chunk aims for: large enough to compress well and to keep object counts low, small enough that a
/// retry or a resumed load repeats about a second of work.
pub const CHUNK_TARGET: u64 = 64 * MIB;

/// Smallest raw size a user may ask of chunks: below, objects and requests outnumber what they carry.
pub const CHUNK_TARGET_MIN: u64 = MIB;

/// Largest raw size a user may ask of chunks: above, a retry repeats minutes of work.
pub const CHUNK_TARGET_MAX: u64 = 1024 * MIB;

/// Size of one part of a multipart upload. S3 wants 5 MiB or more, R2 wants all but the last equal.
pub const PART_SIZE: u64 = 8 * MIB;

/// Parts one multipart upload may have: the smallest cap seen among providers (Scaleway: 1,000).
pub const PARTS_MAX: u64 = 1_000;

/// Largest piece (one stored object): a piece is held whole, because its name is the digest of its bytes.
pub const PIECE_MAX: u64 = 32 * MIB;

/// Chunks sealed smaller than this share an object with others.
pub const PACK_BELOW: u64 = MIB;

/// Tables with up to so many bytes are dumped, loaded and read back many at a time: what one of them costs is the round trip, the
/// transaction and the hand-over to another thread.
pub const SMALL_TABLE: u64 = 64 << 10;

/// Plaintext that is hashed, compressed or opened in one go.
pub const BATCH: usize = 512 << 10;

/// zstd levels up to this one seal a batch in a few milliseconds; from level 10 on it may take seconds.
pub const QUICK_LEVEL: i32 = 3;

/// Lanes one run may have.
pub const LANES_MAX: usize = 64;

/// Smallest limit on bytes per second: below, a chunk takes longer than anybody waits.
pub const RATE_MIN: u64 = 64 << 10;

/// Times one chunk is tried on a fresh connection before the run gives up.
pub const CHUNK_ATTEMPTS: u32 = 5;

/// Times a dump starts again under a new snapshot after its holder died.
pub const SNAPSHOT_ATTEMPTS: u32 = 3;

/// A public manifest larger than this is refused before it is parsed.
pub const MANIFEST_MAX: u64 = 512 * MIB;

/// A journal record larger than this is refused: a record holds seconds of work.
pub const JOURNAL_MAX: u64 = 16 * MIB;

/// The private half, sealed, is held whole and must be smaller than this.
pub const SEALED_CONTENTS_MAX: u64 = 512 * MIB;

/// A descriptor, bundle or key file larger than this is refused.
pub const SMALL_FILE_MAX: u64 = MIB;

/// Contents larger than this are refused: room for a catalog of a million objects.
pub const CONTENTS_MAX: u64 = 4096 * MIB;

/// The longest line contents may have: the catalog is one, with some kilobytes for each table.
pub const CONTENTS_LINE_MAX: u64 = 1024 * MIB;

const _: () = assert!(PIECE_MAX.is_multiple_of(PART_SIZE));
const _: () = assert!(PIECE_MAX / PART_SIZE <= PARTS_MAX);
