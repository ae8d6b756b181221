"""What a query points at: one 32-d unit vector from words, images and what should not be there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from search_service.composing import WITHOUT_WEIGHT
from search_service.composition import Composition
from search_service.query import Query
from search_service.served import Served

Vector = npt.NDArray[np.float32]


def query_vector(query: Query, image: Image.Image | None, served: Served) -> Vector | None:
    """The unit vector (32,), float32, that the query points at; None when there are labels alone.

    With unit vectors t of the text, i of the uploaded image, c of the catalogue image, a_j of the ``terms`` with their
    weights g_j, and w_k of the ``without`` texts:  q = unit(t + i + c + sum_j g_j a_j),
    v = unit(q - 0.5 unit(sum_k w_k));  what was not given is left out.
    Words that change the images (``compose``) take their part: one unit vector in place of i and c.
    (Rocchio's rule with one relevant and one irrelevant centroid.)
    """
    if not query.has_anchor:
        return None
    own = [query.text] if query.text is not None else []
    texts = [*own, *(text for text, _ in query.terms), *query.without]
    encoded = served.encoder.texts(texts) if texts else np.empty((0, 32), np.float32)
    weights = [1.0] * len(own) + [weight for _, weight in query.terms]
    parts = [np.float32(weight) * vector for weight, vector in zip(weights, encoded, strict=False)]
    if query.compose is not None:
        parts.append(_composed(query, query.compose, image, served))
    elif image is not None:
        parts.append(served.encoder.image(image))
    if query.compose is None and query.image_id is not None:
        parts.append(_unit(served.quantiser.decode(served.engine.codes_of([query.image_id]))[0]))
    together = np.sum(parts, axis=0)
    wanted = _unit(together if together.any() else parts[0])
    if not query.without:
        return wanted
    unwanted = _unit(encoded[-len(query.without) :].sum(axis=0))
    return _unit(wanted - np.float32(WITHOUT_WEIGHT) * unwanted)


def _composed(query: Query, compose: Composition, image: Image.Image | None, served: Served) -> Vector:
    own = [] if query.image_id is None else [(query.image_id, compose.own)]
    parts = [*own, *compose.also]
    ids = [item for item, _ in parts]
    stored = [_unit(row) for row in served.quantiser.decode(served.engine.codes_of(ids))] if ids else []
    images = [] if image is None else [image]
    weights = np.array([weight for _, weight in parts] + [compose.own] * len(images), np.float32)
    rows = np.array(stored, np.float32).reshape(-1, 32)
    return served.composer.vector(compose, rows, weights, images, served.encoder.texts)


def _unit(vector: Vector) -> Vector:
    # Opposite parts cancel out to (almost) zero, which points nowhere; the floor only keeps the division defined.
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
