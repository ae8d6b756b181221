"""The manifest: what a catalogue's generation consists of, with the checksum of every file."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from clip_branches.errors import DamagedFile, InvalidInput, UnknownCatalogue
from clip_branches.files import write_whole

FORMAT: Final = "clip-branches-catalogue"
VERSION: Final = 1
MANIFEST = "manifest.json"
# Came after the first manifests were written: absent, not null, where unused, so that those stay byte for byte right.
_ABSENT_WHEN_UNUSED = ("amended", "removed", "recipe_file")
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


def _stays_inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ValueError("must be a path inside the catalogue")
    return path


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
InnerPath = Annotated[str, AfterValidator(_stays_inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(_Strict):
    """A file of a segment, by its checksum."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class NamedFile(FileEntry):
    """A file anywhere in the catalogue; ``file`` is relative to the catalogue folder."""

    file: InnerPath


class EncoderEntry(_Strict):
    """What encodes a query for this catalogue."""

    model: str = Field(min_length=1, description="Reference of the towers, such as 'demo' or 'ViT-B-32/openai'.")
    fingerprint: str | None = Field(description="Digest of the towers' files, where they are local.")
    head: list[NamedFile] = Field(description="Files of the projection head; empty when the model has none.")
    quantiser: NamedFile


class SegmentEntry(_Strict):
    id: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
    rows: int = Field(ge=1)
    files: dict[Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")], FileEntry]


class Manifest(_Strict):
    """One generation of a catalogue."""

    format: Literal["clip-branches-catalogue"] = FORMAT
    version: Literal[1] = VERSION
    name: Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
    title: str
    generation: int = Field(ge=1)
    created: str = Field(description="ISO 8601 time of the commit.")
    image_root: str = Field(description="Folder of the images; relative to the catalogue where that is possible.")
    next_id: int = Field(ge=1, le=2**63 - 1, description="Ids below are used up, deleted or not; none is reused.")
    encoder: EncoderEntry
    segments: list[SegmentEntry] = Field(min_length=1)
    # Tombstones: ids (k,) uint64 of rows that are no longer items.
    deleted: NamedFile | None = None
    # Whole rows that stand in place of those of the segments, by id.
    amended: NamedFile | None = None
    # What was deleted on purpose, so that it is not added again.
    removed: NamedFile | None = None
    examples: list[str] = []
    recipe: dict[str, JsonValue] | None = Field(None, description="How the generation was made.")
    # The same recipe, as a file that makes the catalogue again.
    recipe_file: NamedFile | None = None

    def to_bytes(self) -> bytes:
        """The one byte form of this manifest: JSON whose last key is a checksum over all that stands before it."""
        values = self.model_dump(mode="json")
        for key in _ABSENT_WHEN_UNUSED:
            if values[key] is None:
                del values[key]
        values["checksum"] = hashlib.sha256(_dump(values)).hexdigest()
        return _dump(values)

    def files(self) -> dict[str, FileEntry]:
        """Every file of this generation by its path in the catalogue folder, without the manifest itself."""
        named = [*self.encoder.head, self.encoder.quantiser]
        named += [file for file in (self.deleted, self.amended, self.removed, self.recipe_file) if file is not None]
        files: dict[str, FileEntry] = {file.file: file for file in named}
        for segment in self.segments:
            files.update({f"segments/{segment.id}/{name}": file for name, file in segment.files.items()})
        return files

    def fingerprint(self) -> str:
        """Digest that tells this generation from every other, also from one built anew under the same name."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def save(self, folder: Path) -> None:
        """Commit: write ``folder/manifest.json`` in one rename."""
        write_whole(folder / MANIFEST, self.to_bytes())


def check_name(name: str) -> str:
    """``name`` if a catalogue can be called so, else InvalidInput."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidInput(
            "The 'name' of a catalogue must be 1 to 64 letters, digits, dots, dashes or underscores, "
            f"the first a letter or digit. Got {name!r} instead."
        )
    return name


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the catalogue in ``folder``.

    Raises UnknownCatalogue when there is none, DamagedFile naming the file when it is not what it must be.
    """
    return read_manifest_file(folder / MANIFEST)


def read_manifest_file(path: Path) -> Manifest:
    """The manifest in the file ``path``; errors as of ``read_manifest``."""
    folder = path.parent
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnknownCatalogue(f"There is no catalogue in {folder}: {path} does not exist.") from error
    except OSError as error:
        raise DamagedFile(f"The file {path} must be readable. Got {error.strerror or error} instead.") from error
    values = _parse(path, content)
    values.pop("checksum", None)
    try:
        manifest = Manifest.model_validate_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DamagedFile(
            f"The file {path} is damaged: {error.error_count()} value(s) are not what version {VERSION} must hold, "
            f"the first at {where}: {first['msg']}."
        ) from error
    if manifest.to_bytes() != content:
        raise DamagedFile(f"The file {path} is damaged: its checksum must match its content, it was altered.")
    return manifest


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"The file {path} is damaged: it must be whole JSON. Got {error} instead.") from error
    found = values.get("format") if isinstance(values, dict) else type(values).__name__
    if found != FORMAT:
        raise DamagedFile(f"The file {path} is of another kind: its format must be {FORMAT!r}. Got {found!r} instead.")
    if values.get("version") != VERSION:
        raise DamagedFile(
            f"The file {path} is of another version: this program reads version {VERSION}. "
            f"Got {values.get('version')!r} instead; build the catalogue again, or use the program that wrote it."
        )
    return dict(values)


def _dump(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
