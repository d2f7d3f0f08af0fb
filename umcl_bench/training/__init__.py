"""Batches, augmentation, the loop and checkpoints."""
