"""Numba kernels of the engine: serial, free of the GIL, cached on disk.

Kernels trust their input; the public functions above them validate it. They import nothing of the project above them.
Blocks: row ``r`` lies in block ``r // block_size``; a block of ``m`` rows is stored as 32 runs of ``m`` bytes, one a
dimension, at byte ``32 * first_row_of_block``. The last block may be short; nothing is padded.
"""
