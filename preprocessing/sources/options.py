"""What a recipe says about its source: one class a kind, told apart by ``kind``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from preprocessing.section import Section

Kind = Literal["folder", "urls", "unsplash", "img2dataset", "embeddings", "cifar10", "huggingface"]


class _Source(Section):
    path: Path = Field(description="The folder or file that the images come from.")
    max_images: Annotated[int | None, Field(ge=1, description="Only the first so many, in the source's order.")] = None


class FolderSource(_Source):
    """A folder of images, searched recursively."""

    kind: Literal["folder"] = "folder"
    captions: Annotated[Path | None, Field(description="CSV, TSV or Parquet file of captions.")] = None
    encoding: Annotated[str, Field(description="Of captions in a CSV or TSV file.")] = "utf-8"


class _Fetched(_Source):
    """What every source that is downloaded can say."""

    max_megabytes: Annotated[float, Field(gt=0, le=512, description="Longest file that is fetched.")] = 50.0
    disallowed: Annotated[
        tuple[str, ...], Field(description="Directives of X-Robots-Tag that forbid the use of an image.")
    ] = ("noai", "noimageai", "noindex", "noimageindex", "none")
    per_shard: Annotated[int, Field(ge=1, le=10_000, description="Images a shard.")] = 10_000


class UrlSource(_Fetched):
    """A CSV, TSV or Parquet file of web addresses and captions."""

    kind: Literal["urls"] = "urls"
    url_column: str | None = None
    caption_column: str | None = None
    encoding: Annotated[str, Field(description="Of a CSV or TSV file.")] = "utf-8"
    crop_bottom: Annotated[int, Field(ge=0, le=10_000, description="Pixels cut off below; 30 for Shutterstock.")] = 0


class UnsplashSource(_Fetched):
    """The folder of Unsplash's data set."""

    kind: Literal["unsplash"] = "unsplash"
    width: Annotated[int, Field(ge=0, le=10_000, description="Pixels to ask for; 0 for originals.")] = 640


class Img2datasetSource(_Source):
    """What img2dataset wrote: folders or webdataset tars."""

    kind: Literal["img2dataset"] = "img2dataset"


class EmbeddingsSource(_Source):
    """Embeddings made elsewhere, by the model that the recipe names."""

    kind: Literal["embeddings"] = "embeddings"
    images: Annotated[Path | None, Field(description="Folder of the images, where they are at hand.")] = None


class Cifar10Source(_Source):
    """CIFAR-10 through torchvision; ``path`` is torchvision's root."""

    kind: Literal["cifar10"] = "cifar10"
    download: Annotated[bool, Field(description="Let torchvision fetch what is missing.")] = False
    split: Literal["train", "test"] | None = None


class HuggingFaceSource(_Source):
    """A folder of Parquet files with the images' bytes."""

    kind: Literal["huggingface"] = "huggingface"
    image_column: str | None = None
    caption_column: str | None = None
    split: str | None = None


def _kind_of(value: Any) -> str:
    return str((value.get("kind") or "folder") if isinstance(value, dict) else getattr(value, "kind", "folder"))


SourceSection = Annotated[
    Annotated[FolderSource, Tag("folder")]
    | Annotated[UrlSource, Tag("urls")]
    | Annotated[UnsplashSource, Tag("unsplash")]
    | Annotated[Img2datasetSource, Tag("img2dataset")]
    | Annotated[EmbeddingsSource, Tag("embeddings")]
    | Annotated[Cifar10Source, Tag("cifar10")]
    | Annotated[HuggingFaceSource, Tag("huggingface")],
    Discriminator(_kind_of),
]
SOURCES: dict[Kind, type[_Source]] = {
    "folder": FolderSource,
    "urls": UrlSource,
    "unsplash": UnsplashSource,
    "img2dataset": Img2datasetSource,
    "embeddings": EmbeddingsSource,
    "cifar10": Cifar10Source,
    "huggingface": HuggingFaceSource,
}
