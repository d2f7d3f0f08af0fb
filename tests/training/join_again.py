"""Joins the other processes of torchrun a dozen times, as a sweep's runs do one after another."""

import torch

from umcl_bench.training import peers


def main() -> None:
    """Each time they must agree."""
    for number in range(12):
        with peers.joined(torch.device("cpu")):
            assert peers.largest([number]) == [number]


if __name__ == "__main__":
    main()
