#!/usr/bin/env bash
# Makes every file in this folder: about ten minutes on two cores. Checkpoints stay out of the repository.
set -euo pipefail
cd "$(dirname "$0")"
task="--task zeroshot-chexpert --seeds 3 --store ."
umcl-bench run --quiet --model umcl,umcl+prompt=hand $task --dial wording_shift=0.9 >/dev/null
umcl-bench run --quiet --model umcl+prompt=hand,umcl+loss=infonce+prompt=hand $task --dial similarity=0.9 >/dev/null
umcl-bench leaderboard --store . --over-seeds --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --format md -o RUNS.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
