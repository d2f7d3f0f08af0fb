"""The tables of lines that `measure` wrote: LINES.jsonl. Medians over repeats, each with its spread."""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.settings import FILMS, SETTINGS

AIMS = {"vit128": 2.8, "vit192": 2.1, "resnet18": 1.6}
"""Times the peer's films a second, from the issue."""
EPOCHS = (1, 10, 100)

Lines = dict[str, list[dict[str, Any]]]


def read_lines(path: Path) -> dict[str, Lines]:
    """The lines by setting and way. The peak is of the machine: it is under the setting ''."""
    found: dict[str, Lines] = defaultdict(lambda: defaultdict(list))
    for text in path.read_text().splitlines():
        line = json.loads(text)
        found["" if line["way"] == "peak" else line["setting"]][line["way"]].append(line)
    return found


def speeds(lines: Sequence[dict[str, Any]]) -> list[float]:
    """Films a second of each repeat."""
    return [float(line["films_per_second"]) for line in lines]


def best_peer(lines: Lines, precision: str = "") -> str:
    """The peer's way with the highest median, of one precision or of all, without further options."""
    ways = [way for way in lines if ":" in way and way.startswith(precision) and way.count(":") == 1]
    return max(ways, key=lambda way: statistics.median(speeds(lines[way])))


def speed_rows(found: dict[str, Lines]) -> list[list[str]]:
    """A row for each setting: films a second, the ratio, and shares of the matrix product's peak."""
    peaks = {name: statistics.median(line[name] for line in found[""]["peak"]) for name in ("float32", "bfloat16")}
    rows = []
    for name in filter(found.__contains__, SETTINGS):
        lines = found[name]
        fp32, bf16, best = best_peer(lines, "fp32"), best_peer(lines, "amp_bf16"), best_peer(lines)
        ours, peer = (statistics.median(speeds(lines[way])) for way in ("ours", best))
        flops = lines["profile"][-1]
        ours_share = ours * flops["flops"] / peaks[lines["ours"][-1]["facts"]["precision"]]
        peer_share = peer * flops["peer_flops"] / peaks["float32" if best == fp32 else "bfloat16"]
        measured = [_median(lines[way]) for way in (fp32, bf16, "ours")]
        rows.append(
            [name, *measured, f"**{ours / peer:.2f}**", f"{AIMS[name]}", f"{ours_share:.0%}", f"{peer_share:.0%}"]
        )
    return rows


def epoch_rows(found: dict[str, Lines]) -> list[list[str]]:
    """A row for each setting: our seconds before the first step, and the ratio with them over some epochs."""
    rows = []
    for name in filter(found.__contains__, SETTINGS):
        lines = found[name]
        cache, setup = (statistics.median(x[f"{key}_seconds"] for x in lines["ours"]) for key in ("cache", "setup"))
        ours, peer = (FILMS / statistics.median(speeds(lines[way])) for way in ("ours", best_peer(lines)))
        ratios = [f"{n * peer / (n * ours + cache + setup):.2f}" for n in EPOCHS]
        rows.append([name, f"{FILMS / cache:.0f}", f"{cache:.1f}", f"{setup:.1f}", *ratios])
    return rows


def way_rows(found: dict[str, Lines]) -> list[list[str]]:
    """Every way of the peer that was tried, with the share of the time that it waited for data."""
    return [
        [name, way, _median(lines), f"{statistics.median(line['data_share'] for line in lines):.0%}", str(len(lines))]
        for name in filter(found.__contains__, SETTINGS)
        for way, lines in sorted(found[name].items())
        if ":" in way
    ]


def _median(lines: Sequence[dict[str, Any]]) -> str:
    """'120 (118 to 125)', or '120' for one repeat."""
    values = speeds(lines)
    middle = f"{statistics.median(values):.0f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.0f} to {max(values):.0f})"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def main() -> None:
    """Prints the tables."""
    found = read_lines(Path(sys.argv[1]))
    head = ("towers", "open_clip fp32", "open_clip bf16", "ours", "ratio", "aim", "ours, of peak", "open_clip, of peak")
    print(markdown(head, speed_rows(found)), end="\n\n")
    epochs = tuple(f"ratio over {n} epoch{'s' * (n > 1)}" for n in EPOCHS)
    print(markdown(("towers", "films/s cached", "cache, s", "set-up, s", *epochs), epoch_rows(found)), end="\n\n")
    print(
        markdown(("towers", "open_clip's way", "films/s", "waiting for data", "repeats"), way_rows(found)), end="\n\n"
    )
    peaks = [(name, [line[name] / 1e9 for line in found[""]["peak"]]) for name in ("float32", "bfloat16")]
    print("; ".join(f"torch.mm {name}: {min(v):.0f} to {max(v):.0f} GFLOP/s" for name, v in peaks))


if __name__ == "__main__":
    main()
