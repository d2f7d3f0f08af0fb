"""Tests of sweeps and of the ways to start their runs."""
