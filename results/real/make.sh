#!/usr/bin/env bash
# Makes every file in this folder, about half an hour on two cores: ./make.sh FOLDER, which holds kermany-cxr, nih-cxr14-mini
# and covid-cxr (open films of patients, each with a metadata.csv; not part of this project).
set -euo pipefail
cd "$(dirname "$0")"
ln -sfn "$(realpath "$1")" films
# what pre-training gives: random weights, the films themselves, the phantom's films
umcl-bench run --quiet --model umcl --task zeroshot-chexpert --store phantom >/dev/null
[ -d umcl-of-the-phantom ] || umcl-bench export umcl-tiny-s0-zeroshot-chexpert --to safetensors -o umcl-of-the-phantom --store phantom
for films in kermany-cxr nih-cxr14-mini; do
  umcl-bench run --quiet --model untrained,umcl,label-bce,local:umcl-of-the-phantom --task probe --data films/$films --store . >/dev/null
  umcl-bench run --quiet --model untrained,umcl --task fewshot,zeroshot --data films/$films --store . >/dev/null
done
umcl-bench run --quiet --model untrained,umcl --task segment-rsna --data films/nih-cxr14-mini --store . >/dev/null
umcl-bench run --quiet --model untrained,umcl,local:umcl-of-the-phantom --task segment-lungs --data films/covid-cxr --store . >/dev/null
umcl-bench run --quiet --model umcl,clip,random --task retrieval --data films/covid-cxr --store . >/dev/null
umcl-bench leaderboard --store . --over-seeds --format md -o LEADERBOARD.md
umcl-bench leaderboard --store . --format md -o RUNS.md
umcl-bench leaderboard --store . --format csv -o leaderboard.csv
