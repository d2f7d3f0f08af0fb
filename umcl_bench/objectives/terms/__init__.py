"""Terms that are added to the contrastive loss."""
