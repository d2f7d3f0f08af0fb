"""`python -m umcl_bench` is `umcl-bench`."""

from umcl_bench.cli import main

if __name__ == "__main__":
    main()
