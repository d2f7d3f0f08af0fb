"""Released models: layouts written with random weights, and read back."""
