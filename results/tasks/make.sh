#!/usr/bin/env bash
# Makes every file in this folder: about an hour on two cores, where results/phantom has trained the models before.
set -euo pipefail
cd "$(dirname "$0")"
umcl-bench run --quiet --model umcl --suite full --store . >/dev/null
umcl-bench run --quiet --model all --suite standard --store . >/dev/null
umcl-bench leaderboard --store . --over-seeds --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --suite standard --over-seeds --average --format md -o STANDARD.md
umcl-bench leaderboard --store . --suite standard --average --format html --plots -o standard.html
umcl-bench leaderboard --store . --format md -o RUNS.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
