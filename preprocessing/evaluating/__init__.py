"""Published evaluations with their exact protocols: composed retrieval on CIRR and FashionIQ, GPR1200."""
