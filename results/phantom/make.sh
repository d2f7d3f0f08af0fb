#!/usr/bin/env bash
# Makes every file in this folder: about ten minutes on two cores. Checkpoints stay out of the repository.
set -euo pipefail
cd "$(dirname "$0")"
for seed in 0 1 2; do
    for model in umcl clip random untrained; do
        umcl-bench run --quiet --model "$model" --task zeroshot-chexpert --seed "$seed" --store . >/dev/null
    done
done
umcl-bench leaderboard --store . --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
