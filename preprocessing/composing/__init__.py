"""Training of what composes an image and words: triplets, the Combiner, textual inversion."""
