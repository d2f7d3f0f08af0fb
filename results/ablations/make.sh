#!/usr/bin/env bash
# Makes every file in this folder: about two hours, most of it the training of 159 models with one thread each, as here
# (another number of threads rounds otherwise). Checkpoints stay out of the repository. Each line goes on from what is on record.
set -euo pipefail
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
ablate() { umcl-bench ablate --quiet --seeds 3 --store . "$@" >/dev/null; }
ablate prompts -o prompts
ablate loss -o loss
ablate data -o data
ablate ladder -o ladder
ablate batch -o batch
ablate loss --arm unicl --arm umcl --dial similarity=0,0.3,0.9 -o loss-similarity
ablate ladder --dial similarity=0,0.3,0.9 -o ladder-similarity
ablate prompts --arm 'name alone' --arm 'one sentence' --arm ensemble --dial wording_shift=0,0.3,0.9 -o prompts-wording_shift
ablate data --arm '1/4 label-only' --arm '1/2 label-only' --dial label_only_fraction=0.25,0.5,0.75 -o data-label_only_fraction
umcl-bench leaderboard --store . --over-seeds --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --format md -o RUNS.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
