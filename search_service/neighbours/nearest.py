"""The nearest images, as the neighbours' calls ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from clip_branches.errors import InvalidInput, NotFound, UnknownItem
from clip_branches.schemas import SearchRequest, Text
from search_service.addresses import ImageAddresses
from search_service.neighbours.bodies import ImageSearchRequest, KnnRequest, MetadataRequest
from search_service.state import SearchState

if TYPE_CHECKING:
    from clip_branches.engine import AnswerSet
    from search_service.columns import Columns
    from search_service.served import Served

ALIKE = "alike"  # the column in which a build with --near-duplicates group names groups of images that look alike
IMAGE_SEARCH_HITS = 10
Row = dict[str, Any]


class Nearest:
    """Answers the neighbours' calls; heavy imports wait for the first call, as everything in this service does.

    ``data_url`` is where callers find the images.
    """

    def __init__(self, state: SearchState, addresses: ImageAddresses, data_url: str) -> None:
        self._state, self._addresses = state, addresses
        self._data_url = data_url.rstrip("/")
        self._columns: dict[str, tuple[str, Columns]] = {}

    def names(self) -> list[str]:
        """The catalogues that can be asked now."""
        return [one.name for one in self._state.catalogues().catalogues]

    def knn(self, body: KnnRequest) -> tuple[list[Row], list[str]]:
        """(hits as clip-retrieval writes them, best first; options that were asked for and not acted on)."""
        if body.use_mclip:
            raise InvalidInput(
                "The 'use_mclip' must be false: queries are encoded by the catalogue's own model alone.",
                field="use_mclip",
            )
        served = self._state.searcher.served(self._name(body.indice_name))
        if body.modality == "text" and not served.catalogue.has_captions:
            raise InvalidInput(
                f"The 'modality' must be 'image': no image of the catalogue {served.name!r} has a caption.",
                field="modality",
            )
        ignored = body.ignored()
        alike = body.deduplicate and ALIKE in self._columns_of(served).names
        if body.deduplicate and not alike:
            ignored.append("deduplicate")
        found = self._first(served, self._ranking(served, body), body, alike=alike)
        told = self._told(served, found.ids[: body.num_images].tolist())
        hits = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        return [{**told.get(item, {}), "id": item, "similarity": round(score, 6)} for item, score in hits], ignored

    def metadata(self, body: MetadataRequest) -> list[Row]:
        """What is known of each id, in their order; UnknownItem names those that are not in the catalogue."""
        served = self._state.searcher.served(self._name(body.indice_name))
        told = self._told(served, body.ids)
        missing = [item for item in body.ids if item not in told]
        if missing:
            raise UnknownItem(
                f"The 'ids' must be of images in the catalogue {served.name!r}. Got {missing[:10]} instead.",
                field="ids",
            )
        return [{"id": item, "metadata": told[item]} for item in body.ids]

    def image_search(self, name: str, body: ImageSearchRequest) -> list[Row]:
        """The ten nearest, as clip-image-search writes them."""
        if body.input_type == "text":
            asked = SearchRequest(text=_text(body.query), limit=IMAGE_SEARCH_HITS)
        else:
            image = self._addresses.base64_of(body.query, "query") if "://" in body.query[:40] else body.query
            asked = SearchRequest(image=image, limit=IMAGE_SEARCH_HITS)
        try:
            found = self._state.searcher.search(name, asked).hits
        except InvalidInput as error:
            error.field = "query"
            raise
        items, _ = self._state.searcher.served(name).catalogue.items([hit.id for hit in found])
        sources = {item["id"]: item["source"] for item in items}
        return [
            {
                "_id": str(hit.id),
                "_score": hit.score,
                "_source": {"url": self._address(name, hit.id, sources.get(hit.id))},
            }
            for hit in found
        ]

    def _name(self, asked: str | None) -> str:
        if asked is not None:
            return asked
        names = self.names()
        if not names:
            raise NotFound("There is no catalogue to ask yet.", field="indice_name")
        return names[0]

    def _ranking(self, served: Served, body: KnnRequest) -> AnswerSet:
        """The whole catalogue, nearest first."""
        searcher = self._state.searcher
        if not body.text and body.image is None and body.image_url is None and body.embedding_input is not None:
            with searcher.at_work():
                return served.engine.nearest_all(served.encoder.embedding(body.embedding_input))
        image = None if body.text else body.image
        if not body.text and image is None and body.image_url is not None:
            image = self._addresses.base64_of(body.image_url, "image_url")
        if not body.text and image is None:
            raise InvalidInput(
                "The request must hold one of 'text', 'image', 'image_url' and 'embedding_input'.", field="text"
            )
        asked = SearchRequest(text=body.text or None, image=image, limit=1)
        answered = searcher.search(served.name, asked).result_set
        return searcher.known(served.name, answered)[1].found

    def _first(self, served: Served, ranking: AnswerSet, body: KnnRequest, *, alike: bool) -> AnswerSet:
        """The first hits, as many as are asked for, of those that are wanted."""
        import numpy as np

        wanted = body.num_result_ids or body.num_images
        if not alike and body.modality == "image":
            return ranking.page(0, wanted)
        size = wanted
        while True:
            size = min(2 * size, ranking.total)
            part = ranking.page(0, size)
            keep = np.ones(size, bool)
            if body.modality == "text":
                items, _ = served.catalogue.items(part.ids)
                captioned = [item["id"] for item in items if item["caption"]]
                keep &= np.isin(part.ids, np.array(captioned, np.uint64))
            if alike:
                keep &= _first_of_each(self._groups(served, part), keep)
            if keep.sum() >= wanted or size == ranking.total:
                return part.keep(keep).page(0, wanted)

    def _groups(self, served: Served, part: AnswerSet) -> Any:
        columns = self._columns_of(served)
        codes = columns.get(ALIKE).codes
        rows = columns.rows_of(part.ids)
        return rows * 0 - 1 if codes is None else codes[rows]

    def _columns_of(self, served: Served) -> Columns:
        from search_service.columns import Columns

        kept = self._columns.get(served.name)
        if kept is None or kept[0] != served.fingerprint:
            kept = self._columns[served.name] = (served.fingerprint, Columns(served.catalogue))
        return kept[1]

    def _told(self, served: Served, ids: list[int]) -> dict[int, Row]:
        from search_service.neighbours.rows import row_of

        items, _ = served.catalogue.items(ids)
        return {item["id"]: row_of(served.catalogue, item) for item in items}

    def _address(self, name: str, item: int, source: str | None) -> str:
        from clip_branches.catalogue import is_url

        if source is not None and is_url(source):
            return source
        return f"{self._data_url}/v1/catalogues/{name}/items/{item}/image"


def _first_of_each(groups: Any, keep: Any) -> Any:
    """Which are alone, or the first kept one of their group (-1: of none)."""
    import numpy as np

    chosen = groups < 0
    places = np.flatnonzero(~chosen & keep)
    _, first = np.unique(groups[places], return_index=True)
    chosen[places[first]] = True
    return chosen


def _text(query: str) -> str:
    try:
        return TypeAdapter(Text).validate_python(query)
    except ValidationError as error:
        raise InvalidInput(f"The 'query' is not valid: {error.errors()[0]['msg']}.", field="query") from error
