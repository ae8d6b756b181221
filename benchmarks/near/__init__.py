"""What ``benchmarks/neighbours.py`` is made of: the exact scan, faiss's indexes, and reading from a cold disk."""
