"""The file format of a box index, ``boxes.cbx``, version 1; little endian, memory-mapped.

    offset  bytes  field
    0       8      magic  89 43 42 58 0D 0A 1A 0A  (high bit, "CBX", both line ends and an end-of-file mark: a file
                   damaged by a text-mode copy is told apart from a foreign one)
    8       4      version (1)
    12      4      dimensions (32)
    16      8      rows n (>= 1)
    24      4      block size (>= 1)
    28      4      number of sections (4)
    32      4 x 24 sections: offset u64, bytes u64, crc32 u32, reserved u32 (0)
    128     4      crc32 of bytes 0 to 127

Sections, each starting at a multiple of 64: zone_low and zone_high, uint8 (dims, blocks): lowest and highest code of
each block; rows, int64 (n,): the caller's row of each stored row, or no bytes when the order is the caller's own;
codes, uint8: the blocks one after another, each column by column (a short last block is not padded).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.checks import DIMS, Codes, Rows
from clip_branches.errors import DamagedFile
from clip_branches.files import replacing

MAGIC = b"\x89CBX\r\n\x1a\n"
VERSION = 1
_HEADER = struct.Struct("<8sIIQII")
_SECTION = struct.Struct("<QQII")
_NAMES = ("zone_low", "zone_high", "rows", "codes")
_HEADER_BYTES = _HEADER.size + len(_NAMES) * _SECTION.size
_ALIGN = 64
_PIECE = 1 << 24
_MOST_ROWS = 1 << 40


@dataclass(frozen=True)
class Parts:
    """What an index consists of; see the module's docstring."""

    n_rows: int
    block_size: int
    zone_low: Codes
    zone_high: Codes
    rows: Rows
    codes: NDArray[np.uint8]


def write_parts(path: Path, parts: Parts) -> None:
    """Write to a temporary name beside ``path``, fsync, rename: a crash leaves the old file or the new one."""
    arrays = [
        np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8)
        for array, dtype in (
            (parts.zone_low, "u1"),
            (parts.zone_high, "u1"),
            (parts.rows, "<i8"),
            (parts.codes, "u1"),
        )
    ]
    header = _HEADER.pack(MAGIC, VERSION, DIMS, parts.n_rows, parts.block_size, len(_NAMES))
    offsets, end = [], _HEADER_BYTES + 4
    for array in arrays:
        offset = _aligned(end)
        offsets.append(offset)
        end = offset + array.size
        header += _SECTION.pack(offset, array.size, _crc32(array), 0)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header + struct.pack("<I", zlib.crc32(header)))
        for offset, array in zip(offsets, arrays, strict=True):
            file.write(bytes(offset - file.tell()))
            file.write(array.data)


def read_parts(path: Path, *, verify: bool) -> Parts:
    """Map the file. Raises DamagedFile naming file and reason; ``verify`` also checks every section's checksum."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES + 4)
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror or error}.") from error
    if header[: len(MAGIC)] != MAGIC:
        raise DamagedFile(f"{path} is not a box index: it must start with {MAGIC!r}. Got {header[:8]!r} instead.")
    if len(header) < _HEADER_BYTES + 4:
        raise DamagedFile(
            f"{path} is truncated: its header must have {_HEADER_BYTES + 4} bytes. Got {len(header)} instead."
        )
    _, version, dims, n_rows, block_size, n_sections = _HEADER.unpack_from(header)
    if version != VERSION:
        raise DamagedFile(
            f"{path} must be a box index of version {VERSION}. Got version {version} instead; rebuild it."
        )
    if zlib.crc32(header[:-4]) != struct.unpack("<I", header[-4:])[0]:
        raise DamagedFile(f"{path} is damaged: its header does not match its checksum; rebuild it.")
    if dims != DIMS or n_sections != len(_NAMES) or not 1 <= n_rows <= _MOST_ROWS or not 1 <= block_size <= 1 << 20:
        raise DamagedFile(f"{path} has an impossible header: {dims} dimensions, {n_rows} rows, blocks of {block_size}.")
    mapped = _map(path, size)
    sections = _sections(path, header, mapped, verify)
    zone_low, zone_high, rows, codes = (sections[name] for name in _NAMES)
    zones = DIMS * -(-n_rows // block_size)
    if (zone_low.size, zone_high.size, codes.size) != (zones, zones, DIMS * n_rows) or rows.size not in (0, 8 * n_rows):
        raise DamagedFile(f"{path} is damaged: its sections do not fit {n_rows} rows; rebuild it.")
    return Parts(
        n_rows, block_size, zone_low.reshape(DIMS, -1), zone_high.reshape(DIMS, -1), rows.view("<i8"), codes
    )  # fmt: skip


def _map(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        return np.memmap(path, dtype=np.uint8, mode="r", shape=(size,))
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} cannot be mapped: {error}.") from error


def _sections(path: Path, header: bytes, mapped: NDArray[np.uint8], verify: bool) -> dict[str, NDArray[np.uint8]]:
    sections = {}
    for i, name in enumerate(_NAMES):
        offset, length, checksum, _ = _SECTION.unpack_from(header, _HEADER.size + i * _SECTION.size)
        if offset % _ALIGN or offset < len(header) or offset + length > mapped.size:
            raise DamagedFile(
                f"{path} is truncated or altered: section '{name}' needs bytes {offset} to {offset + length}. "
                f"Got a file of {mapped.size} bytes instead."
            )
        section = np.asarray(mapped[offset : offset + length])
        if verify and _crc32(section) != checksum:
            raise DamagedFile(f"{path} is damaged: section '{name}' does not match its checksum; rebuild it.")
        sections[name] = section
    return sections


def _crc32(array: NDArray[np.uint8]) -> int:
    checksum = 0
    for start in range(0, array.size, _PIECE):
        checksum = zlib.crc32(array[start : start + _PIECE].data, checksum)
    return checksum


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN
