"""open_clip's own training command, with one model configuration registered first: CONFIG.json ARGUMENTS..."""

import runpy
import sys


def main() -> None:
    """Registers the file that the first argument names, and runs `open_clip_train.main` with the others."""
    import open_clip

    open_clip.add_model_config(sys.argv[1])
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("open_clip_train.main", run_name="__main__")


if __name__ == "__main__":
    main()
