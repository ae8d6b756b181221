"""What ``benchmarks/engine.py`` is made of: synthetic codes, the engine's work, its peers, a real server."""
