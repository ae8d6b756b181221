"""Writing a catalogue whole: a generation of its own segments, nothing of the one before."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import JsonValue

from clip_branches.catalogue import manifest as manifests
from clip_branches.catalogue.generation import GenerationWriter, file_entry, now, text_writer
from clip_branches.catalogue.manifest import Manifest, NamedFile
from clip_branches.catalogue.reader import EncoderSpec
from clip_branches.catalogue.removed import Removed, read_removed
from clip_branches.errors import InvalidInput
from clip_branches.files import fsync_folder, replacing, sha256_of

_HEAD_FILES = ("head.json", "head.safetensors")


class CatalogueWriter(GenerationWriter):
    """Writes the next generation of the catalogue in folder ``path``; nothing is visible before ``commit``.

    The generation holds the segments added, nothing of the one before, save what was deleted on purpose: ``removed``.
    Ids are stable as long as the caller gives known images the ids they had, and takes the others from ``new_ids``.

    ``encoder`` names the files to copy into the catalogue. ``image_root`` is kept relative to the catalogue when it
    lies in the same data folder (the folder above the catalogues), so that the data folder can be moved.
    ``recipe_text`` is kept as the file recipe-<generation>.toml.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str,
        title: str,
        image_root: Path,
        encoder: EncoderSpec,
        examples: Sequence[str] = (),
        recipe: dict[str, JsonValue] | None = None,
        recipe_text: str | None = None,
    ) -> None:
        self._name = manifests.check_name(name)
        super().__init__(path)
        self._title = title
        self._image_root = _portable_root(self.path, image_root)
        self._encoder = encoder
        self._examples = list(examples)
        self._recipe = recipe
        self._recipe_text = recipe_text

    @property
    def removed(self) -> Removed:
        """What was deleted on purpose from the generations before; it stays so in this one."""
        return read_removed(self.path, self._previous)

    def commit(self) -> Manifest:
        """Make the new generation the catalogue's current one, all at once, and release the writer."""
        if not self._segments:
            raise InvalidInput("A catalogue must have at least one segment. Got none instead.")
        with self._cleaning_up():
            removed, recipe_file = None, None
            if self.removed.table.num_rows:
                removed = self._write_named("removed.parquet", lambda path: pq.write_table(self.removed.table, path))
            if self._recipe_text is not None:
                recipe_file = self._write_named("recipe.toml", text_writer(self._recipe_text))
            manifest = Manifest(
                name=self._name,
                title=self._title,
                generation=self.generation,
                created=now(),
                image_root=self._image_root,
                next_id=self.next_id,
                encoder=self._copy_encoder(),
                segments=self._segments,
                removed=removed,
                examples=self._examples,
                recipe=self._recipe,
                recipe_file=recipe_file,
            )
            return self._publish(manifest)

    def _copy_encoder(self) -> manifests.EncoderEntry:
        spec = self._encoder
        sources = [] if spec.head_path is None else [spec.head_path / name for name in _HEAD_FILES]
        sources.append(spec.quantiser_path)
        digest = hashlib.sha256()
        for source in sources:
            digest.update(f"{source.name} {sha256_of(source)} ".encode())
        # Named by content: files of the generation before are never overwritten.
        folder = self.path / "encoder" / digest.hexdigest()[:16]
        if not folder.exists():
            self._written.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for source in sources:
            target = folder / ("quantiser.json" if source is spec.quantiser_path else source.name)
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
            entry = file_entry(target)
            files.append(
                NamedFile(file=target.relative_to(self.path).as_posix(), sha256=entry.sha256, bytes=entry.bytes)
            )
        fsync_folder(self.path / "encoder")
        return manifests.EncoderEntry(
            model=spec.model, fingerprint=spec.fingerprint, head=files[:-1], quantiser=files[-1]
        )


def _portable_root(path: Path, image_root: Path) -> str:
    root, data_dir = image_root.resolve(), path.resolve().parent.parent
    if root.is_relative_to(data_dir):
        return Path(os.path.relpath(root, path.resolve())).as_posix()
    return root.as_posix()
