#!/usr/bin/env bash
# Whole dumps, restores and copies side by side with pg_dump, pg_restore and pgcopydb in one run, and the goals that were
# reached or missed; with PURE=1 the criterion benches of single parts first. docs/BENCHMARKS.md lists the variables.
# Nothing else should run on the machine meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${PURE:-0}" = 0 ] || cargo bench --quiet --workspace --bench pure --bench framing
# The whole workspace both times: another selection of packages would build the dependencies a second time.
cargo build --release --quiet --workspace
target="${CARGO_TARGET_DIR:-target}"
PGFREIGHT="$target/release/pgfreight" exec "$target/release/whole"
