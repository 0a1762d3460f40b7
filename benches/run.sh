#!/usr/bin/env bash
# Whole dumps, restores and copies side by side with pg_dump, pg_restore and pgcopydb in one run; with PURE=1 the criterion benches of the
# pure parts first. BENCH_SCALE (1), BENCH_ROUNDS (3), BENCH_LANES (2), BENCH_MAJOR (18) say how much; BENCH_ONLY=schemas leaves the rows out, BENCH_ONLY=copy everything
# but copies; BENCH_PGCOPYDB names a pgcopydb.
# Nothing else should run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${PURE:-0}" = 0 ] || cargo bench --quiet -p pgfreight-benches --bench pure
# One selection of packages for both: another would build the dependencies a second time.
cargo build --release --quiet --workspace
target="${CARGO_TARGET_DIR:-target}"
PGFREIGHT="$target/release/pgfreight" exec "$target/release/whole"
