"""Request bodies as the neighbours' clients send them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clip_branches.schemas import MAX_PAGE, Id, RequestModel, Text

MAX_IDS = 100_000


class KnnRequest(RequestModel):
    """What clip-retrieval's client and web page post to /knn-service.

    Of text, image, image_url and embedding_input the first that is given counts, as there.
    """

    text: Text | None = None
    image: str | None = Field(None, description="Base64 of an image file.")
    image_url: str | None = Field(None, description="Where images by address are switched on.")
    embedding_input: list[Annotated[float, Field(allow_inf_nan=False)]] | None = Field(
        None, max_length=8_192, description="A vector of the catalogue's CLIP model, or one of 32 dimensions."
    )
    modality: Literal["image", "text"] = "image"
    num_images: int = Field(100, ge=1, le=MAX_PAGE, description="Hits that come with all that is known of them.")
    num_result_ids: int | None = Field(None, ge=1, le=MAX_IDS, description="Hits in all; the rest are id and score.")
    indice_name: str | None = Field(None, description="Name of a catalogue; without it, the first.")
    deduplicate: bool = Field(False, description="Of images that look alike, the best alone.")
    use_mclip: bool = False
    use_safety_model: bool = False
    use_violence_detector: bool = False
    aesthetic_score: float | Literal[""] | None = None
    aesthetic_weight: float | Literal[""] | None = None
    verbose: bool = False

    def ignored(self) -> list[str]:
        """Options that were asked for, and that nothing here acts on."""
        asked = {
            "use_safety_model": self.use_safety_model,
            "use_violence_detector": self.use_violence_detector,
            "aesthetic_score": self.aesthetic_score not in ("", None),
        }
        return [name for name, wanted in asked.items() if wanted]


class MetadataRequest(RequestModel):
    """What is posted to /metadata."""

    ids: list[Id] = Field(max_length=MAX_PAGE)
    indice_name: str | None = None


class ImageSearchRequest(RequestModel):
    """The text-or-image call of clip-image-search."""

    input_type: Literal["text", "image"]
    query: str = Field(min_length=1, description="Words; or an image, by its address or as base64.")
