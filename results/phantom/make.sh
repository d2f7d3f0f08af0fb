#!/usr/bin/env bash
# Makes every file in this folder: about half an hour on two cores. Checkpoints stay out of the repository.
set -euo pipefail
cd "$(dirname "$0")"
ladder=umcl+loss=infonce,umcl+prompt=hand,umcl+loss=infonce+prompt=hand
task="--task zeroshot-chexpert --seeds 3 --store ."
umcl-bench run --quiet --model all $task >/dev/null
umcl-bench run --quiet --model "$ladder,medclip+target_temperature=0.1" $task >/dev/null
umcl-bench leaderboard --store . --over-seeds --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --format md -o RUNS.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
