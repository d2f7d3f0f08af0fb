"""Released checkpoints as models: evaluation only."""
