"""Ways to start the runs of a sweep: in this process, on a Ray cluster, as a Slurm job array."""
