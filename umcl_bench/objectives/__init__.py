"""Target builders and the tiled contrastive loss."""
