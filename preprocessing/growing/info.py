"""What a catalogue holds, for a person or as JSON; no file of it is read but the manifests and the ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clip_branches.catalogue import Catalogue
from clip_branches.catalogue.history import earlier_manifests
from clip_branches.catalogue.removed import read_removed
from clip_branches.catalogue.segment import EMBEDDINGS, IDS, INDEX, ITEMS
from preprocessing.growing.plan import live_rows

_KINDS = {ITEMS: "items", IDS: "ids", INDEX: "codes and index", EMBEDDINGS: "embeddings"}


def describe(folder: Path) -> dict[str, Any]:
    """JSON values about the current generation of the catalogue in ``folder``. Raises DamagedFile, UnknownCatalogue."""
    catalogue = Catalogue.open(folder, verify=False)
    manifest = catalogue.manifest
    sizes: dict[str, int] = {}
    for path, entry in manifest.files().items():
        kind = _KINDS.get(Path(path).name, "encoder" if path.startswith("encoder/") else "other")
        sizes[kind] = sizes.get(kind, 0) + entry.bytes
    segments = []
    for segment in catalogue.segments:
        live = int(live_rows(catalogue, segment.ids).sum())
        size = sum(file.bytes for file in segment.entry.files.values())
        segments.append({"id": segment.id, "rows": segment.rows, "deleted": segment.rows - live, "bytes": size})
    embeddings = next((part.embeddings for part in catalogue.segments if part.embeddings is not None), None)
    return {
        "name": catalogue.name,
        "title": catalogue.title,
        "folder": str(folder),
        "generation": catalogue.generation,
        "created": manifest.created,
        "items": catalogue.size,
        "next_id": manifest.next_id,
        "deleted_rows": int(np.sum([part["deleted"] for part in segments])),
        "deleted_on_purpose": read_removed(folder, manifest).table.num_rows,
        "captions": catalogue.has_captions,
        "metadata": list(dict.fromkeys(name for part in catalogue.segments for name in part.metadata_columns)),
        "image_root": str(catalogue.image_root),
        "model": manifest.encoder.model,
        "fingerprint": manifest.encoder.fingerprint,
        "embedding_dimensions": None if embeddings is None else int(embeddings.shape[1]),
        "bytes": sizes,
        "segments": segments,
        "earlier_generations": [one.generation for one in earlier_manifests(folder, manifest)],
        "recipe": manifest.recipe,
        "recipe_file": None if manifest.recipe_file is None else str(folder / manifest.recipe_file.file),
    }


def lines_of(values: dict[str, Any]) -> list[str]:
    """The same for a person, without line ends."""
    total = sum(values["bytes"].values())
    parts = ", ".join(f"{kind} {size / 1e6:,.1f}" for kind, size in sorted(values["bytes"].items()))
    dimensions = values["embedding_dimensions"]
    lines = [
        f"{values['name']}: {values['title']}",
        f"  items         {values['items']:,} (ids below {values['next_id']:,} are used)",
        f"  generation    {values['generation']}, of {values['created']}",
        f"  earlier       {', '.join(map(str, values['earlier_generations'])) or 'none'} (can still be read)",
        f"  images in     {values['image_root']}",
        f"  metadata      {', '.join(values['metadata']) or 'none'}{'' if values['captions'] else '; no captions'}",
        f"  model         {values['model']}" + (f", embeddings of {dimensions} dimensions" if dimensions else ""),
        f"  size          {total / 1e6:,.1f} MB ({parts})",
        f"  deleted       {values['deleted_rows']:,} rows not yet compacted; "
        f"{values['deleted_on_purpose']:,} images on purpose",
        f"  recipe        {values['recipe_file'] or 'in the manifest' if values['recipe'] else 'none'}",
        f"  segments      {len(values['segments']):,}",
    ]
    lines += [
        f"    {part['id']}  {part['rows']:>12,} rows  {part['deleted']:>9,} deleted  {part['bytes'] / 1e6:>10,.1f} MB"
        for part in values["segments"]
    ]
    return lines
