"""Images as a COCO file: each saved search a category, each image of it an annotation of the whole image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from search_service.exporting.rows import Export


def as_coco(export: Export) -> Iterator[bytes]:
    """One JSON object with info (the recipe in it), categories, images and annotations, in pieces.

    An annotation's bbox is the whole image, as tools for detection expect one. "by" says whether a person marked the
    image right or the model accepted it; an image marked wrong is listed and has no annotation of that category.
    """
    info = {"description": export.name, "version": "1.0", "recipe": export.recipe}
    categories = [{"id": n, "name": group.name, "supercategory": "answer"} for n, group in enumerate(export.groups, 1)]
    yield f'{{"info": {_json(info)},\n"licenses": [],\n"categories": {_json(categories)},\n"images": ['.encode()
    yield from _listed(_image(row) for row in _rows(export))
    yield b'],\n"annotations": ['
    yield from _listed(_annotations(export))
    yield b"]}\n"


def _annotations(export: Export) -> Iterator[dict[str, Any]]:
    number = 0
    for position, row in enumerate(_rows(export)):
        bits = -1 if export.held is None else int(export.held[position])
        width, height = row["width"] or 0, row["height"] or 0
        for category, group in enumerate(export.groups, 1):
            label = group.label_of(row["id"])
            if not bits >> (category - 1) & 1 or label == "wrong":
                continue
            number += 1
            yield {
                "id": number,
                "image_id": row["id"],
                "category_id": category,
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
                "by": "person" if label == "right" else "model",
                "score": row["score"],
            }


def _image(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("id", "width", "height", "caption", "rank", "score", "votes", "label", "sha256")
    return {"file_name": row["source"], **{name: row[name] for name in kept}, "attributes": row["metadata"]}


def _rows(export: Export) -> Iterator[dict[str, Any]]:
    for rows in export.batches():
        yield from rows


def _listed(objects: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    separator, waiting = "\n", []
    for one in objects:
        waiting.append(_json(one))
        if len(waiting) == 1_000:
            yield (separator + ",\n".join(waiting)).encode()
            separator, waiting = ",\n", []
    if waiting:
        yield (separator + ",\n".join(waiting)).encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
