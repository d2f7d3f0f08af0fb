"""One round of measurements, one line of JSON each: FOLDER LINES.jsonl SETTING WAY...

A way is `ours`, the peer's precision and data-loader workers (`fp32:0`, `amp_bf16:1`; more of its options may follow:
`amp_bf16:0:torchcompile`), `peak` (the matrix product) or `profile` (of ours, and the operations of both). Ways that
stand together run one after the other, each in a fresh process: call it again for the next repeat. `table` makes tables
of the lines.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.settings import FILMS, SETTINGS, Setting, write_folder

THREADS = 2
WARM_UP = 10
"""Steps that are left out, of both: the first ones compile kernels for their shapes, and start workers."""


def films_per_second(spans: list[tuple[int, float]], batch: int) -> float:
    """Films a second after the warm-up, from (steps, seconds) of consecutive stretches."""
    after, done = [], 0
    for steps, seconds in spans:
        if done >= WARM_UP:
            after.append((steps, seconds))
        done += steps
    return batch * sum(steps for steps, _ in after) / sum(seconds for _, seconds in after)


def peer_spans(output: str, batch: int) -> list[tuple[int, float]]:
    """(1, seconds) of each step that the peer's log names, at --log-every-n-steps 1. Raises ValueError for none."""
    speeds = [float(speed) for speed in re.findall(r"Batch \(t\): [\d.]+, ([\d.e+]+)/s", output)]
    if not speeds:
        raise ValueError(f"no step in the peer's log; it ends with: {output[-2000:]}")
    return [(1, batch / speed) for speed in speeds]


def our_spans(log: list[tuple[int, float]], batch: int) -> list[tuple[int, float]]:
    """(steps, seconds) of each stretch of our log: (step at its end, films a second)."""
    starts = [0, *(step for step, _ in log[:-1])]
    return [(step - start, (step - start) * batch / speed) for start, (step, speed) in zip(starts, log, strict=True)]


def run_peer(setting: Setting, folder: Path, way: str) -> dict[str, Any]:
    """One epoch of open_clip's training command over the folder."""
    precision, workers, *more = way.split(":")
    batch = setting.size.optim.batch
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / f"{setting.name}.json"
        config.write_text(json.dumps(setting.peer_config()))
        data = (
            f"--dataset-type csv --csv-separator , --csv-img-key filepath --csv-caption-key title --workers {workers}"
        )
        how = f"--model {setting.name} --precision {precision} --batch-size {batch} --epochs 1 --warmup 10 --device cpu"
        quiet = "--logs none --save-frequency 0 --log-every-n-steps 1"
        arguments = [*data.split(), *how.split(), *quiet.split(), *(f"--{word}" for word in more)]
        arguments += ["--train-data", str(folder / "captions.csv")]
        output = _python("open_clip_main", str(config), *arguments, cwd=scratch)
    waits = [float(wait) for wait in re.findall(r"Data \(t\): ([\d.]+)", output)]
    spans = peer_spans(output, batch)
    return {
        "films_per_second": films_per_second(spans, batch),
        "data_share": waits[-1] * len(spans) / sum(seconds for _, seconds in spans),
    }


def run_ours(setting: Setting, folder: Path) -> dict[str, Any]:
    """One epoch of our training over the folder, its cache built anew before."""
    found = json.loads(_python("ours", setting.name, str(folder), str(FILMS)).splitlines()[-1])
    batch = setting.size.optim.batch
    spans = our_spans(found.pop("log"), batch)
    found["setup_seconds"] = found.pop("train_seconds") - sum(seconds for _, seconds in spans)
    return {"films_per_second": films_per_second(spans, batch), **found}


def _python(module: str, *arguments: str, cwd: str | None = None) -> str:
    """What a fresh process prints, both streams where it has the peer's log."""
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "PYTHONPATH": paths}
    command = [sys.executable, "-m", f"tests.benchmarks.peers.{module}", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-3000:]}")
    return done.stdout + ("" if module == "ours" else done.stderr)


def matrix_peaks() -> dict[str, float]:
    """Operations a second of the best of some matrix products, by precision."""
    import torch

    from umcl_bench.training.profile import matrix_product_peak

    torch.set_num_threads(THREADS)
    return {name: matrix_product_peak(torch.device("cpu"), getattr(torch, name)) for name in ("float32", "bfloat16")}


def peer_flops(setting: Setting) -> float:
    """Operations of the peer's forward and backward for a film and its caption, with its own loss."""
    import torch
    from open_clip.factory import add_model_config, create_model
    from open_clip.loss import ClipLoss
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / f"{setting.name}.json").write_text(json.dumps(setting.peer_config()))
        add_model_config(scratch)
        model = create_model(setting.name, output_dict=True)
    size, n = setting.size, setting.size.optim.batch
    films, captions = torch.randn(n, 3, size.image.size, size.image.size), torch.ones(n, size.text.max_tokens).long()
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        ClipLoss()(**model(films, captions)).backward()
    return float(counter.get_total_flops() / n)


def measure(setting: Setting, folder: Path, way: str) -> dict[str, Any]:
    """One line: what was measured, with the names of the setting and the way."""
    if way == "ours":
        found = run_ours(setting, folder)
    elif way == "peak":
        found = matrix_peaks()
    elif way == "profile":
        found = json.loads(_python("ours", setting.name, str(folder), str(FILMS), "--profile").splitlines()[-1])
        found["peer_flops"] = peer_flops(setting)
    else:
        found = run_peer(setting, folder, way)
    return {"setting": setting.name, "way": way, **found}


def main() -> None:
    """Reads the command line, writes the folder where it is not there, and appends the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("ways", nargs="+")
    parser.add_argument("--sentences", type=int, help="captions are the first so many sentences of the reports")
    given = parser.parse_args()
    if not (given.folder / "metadata.csv").is_file():
        write_folder(given.folder.absolute(), sentences=given.sentences)
    for way in given.ways:
        line = json.dumps(measure(SETTINGS[given.setting], given.folder.absolute(), way))
        print(line, flush=True)
        with given.lines.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
