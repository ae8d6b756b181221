"""From a recipe's source section to its listing."""

from __future__ import annotations

from pathlib import Path

from clip_branches.errors import InvalidInput
from preprocessing.sidecars import Sidecars
from preprocessing.sources.embeddings import list_embeddings
from preprocessing.sources.folder import list_folder
from preprocessing.sources.huggingface import list_huggingface
from preprocessing.sources.img2dataset import list_img2dataset
from preprocessing.sources.listing import Listing
from preprocessing.sources.options import (
    Cifar10Source,
    EmbeddingsSource,
    FolderSource,
    HuggingFaceSource,
    SourceSection,
    UnsplashSource,
    UrlSource,
)


def needs_fetching(section: SourceSection) -> bool:
    """True when images are fetched or unpacked below the data folder before they can be listed."""
    return isinstance(section, UrlSource | UnsplashSource | Cifar10Source)


def image_root(section: SourceSection, data_dir: Path, name: str) -> Path:
    """The folder that the sources of the items of the catalogue ``name`` are below."""
    if needs_fetching(section):
        return (data_dir / "sources" / name).resolve()
    if isinstance(section, EmbeddingsSource) and section.images is not None:
        return section.images
    return section.path


def list_source(section: SourceSection, data_dir: Path, name: str, sidecars: Sidecars | None = None) -> Listing:
    """Every image of the source, as far as it was fetched; the first ``max_images`` of them where that is given.

    ``sidecars`` are the texts beside a folder's images as an earlier look found them.

    Raises InvalidInput for a source that cannot be used.
    """
    root = image_root(section, data_dir, name)
    if needs_fetching(section) and not root.is_dir():
        raise InvalidInput(
            f"The images of {section.path} must be fetched first. "
            f"Run: python -m preprocessing download {section.path} --name {name}"
        )
    return _list(section, root, data_dir, sidecars).first(section.max_images)


def _list(section: SourceSection, root: Path, data_dir: Path, sidecars: Sidecars | None) -> Listing:
    if isinstance(section, FolderSource):
        return list_folder(
            section.path, section.captions, encoding=section.encoding, leave_out=data_dir, sidecars=sidecars
        )
    if not root.is_dir():
        raise InvalidInput(f"The source must be a folder. Got {root} instead.")
    if isinstance(section, EmbeddingsSource):
        return list_embeddings(section.path, images=section.images)
    if isinstance(section, HuggingFaceSource):
        return list_huggingface(
            root, image_column=section.image_column, caption_column=section.caption_column, split=section.split
        )
    if isinstance(section, Cifar10Source):
        return list_huggingface(root, split=section.split)
    return list_img2dataset(root)
