"""Training of retrieval-optimised CLIP models: GPR-FT, Re-A and MCIP (arXiv 2409.01936)."""
