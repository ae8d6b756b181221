"""Training of projection heads on pairs of embeddings: no image is needed again."""
