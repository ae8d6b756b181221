"""Where the stages of one catalogue keep their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from clip_branches.catalogue.manifest import check_name
from clip_branches.catalogue.storage import FolderLock, remove_leftovers
from clip_branches.encoding.fingerprint import fingerprint_of_folder, local_model_folder
from clip_branches.errors import ConfigurationError, DamagedFile
from clip_branches.files import write_whole
from preprocessing.recipe import Recipe


class Workplace:
    """The work folder of one catalogue, ``<data_dir>/work/<name>``; use it as a context manager: one process at a time.

    Raises InvalidInput for a name that no catalogue can have, StorageError when another process works there.
    """

    def __init__(self, data_dir: Path, name: str) -> None:
        self.data_dir = data_dir
        self.name = check_name(name)
        self.folder = data_dir / "work" / name
        self.catalogue = data_dir / "catalogues" / name
        self.kept = self.folder / "kept.parquet"
        self.filtered = self.folder / "filtered.parquet"  # what the filter stage kept, before the texts were asked
        self.screened = self.folder / "screened.parquet"
        self.dropped = self.folder / "dropped.parquet"
        self.warnings = self.folder / "warnings.parquet"
        self.sidecars = self.folder / "sidecars.parquet"
        self.checked = self.folder / "checked"
        self.shards = self.folder / "shards"
        self._embedded_by = self.folder / "model.json"
        self._recipe = self.folder / "recipe.json"
        self._lock = FolderLock(self.folder, f"The work folder {self.folder}")

    def __enter__(self) -> Self:
        self._lock.acquire()
        remove_leftovers(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def save_recipe(self, recipe: Recipe) -> None:
        """Keep the recipe for the stages to come."""
        write_whole(self._recipe, (recipe.model_dump_json(indent=2) + "\n").encode())

    def load_recipe(self, *, model: str | None = None, **changes: Any) -> Recipe:
        """The recipe that the filter stage left here, with ``changes`` (those that are not None).

        Raises ConfigurationError when no filter stage was run, DamagedFile when the file is not a recipe.
        """
        try:
            values = json.loads(self._recipe.read_text(encoding="utf-8"))
            known = Recipe.model_validate(values)
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"There is no work for a catalogue named {self.name!r} in {self.data_dir / 'work'}. "
                f"Begin with: python -m preprocessing filter SOURCE_FOLDER --name {self.name}"
            ) from error
        except (ValueError, ValidationError) as error:
            raise DamagedFile(f"The file {self._recipe} must be a recipe. Got {error} instead.") from error
        given = {key: value for key, value in changes.items() if value is not None}
        known = known.model_copy(update=given)
        return known if model is None else known.with_model(model)

    def save_embedded_by(self, model: str, fingerprint: str) -> None:
        """Note whose shards are the current ones."""
        content = json.dumps({"model": model, "fingerprint": fingerprint}, indent=2) + "\n"
        write_whole(self._embedded_by, content.encode())

    def check_embedded_by(self, model: str, models_dir: Path) -> str:
        """The fingerprint of the current shards; ConfigurationError unless they are ``model``'s, as it is now."""
        try:
            values = json.loads(self.require(self._embedded_by, "embed").read_text(encoding="utf-8"))
            made_by, fingerprint = str(values["model"]), str(values["fingerprint"])
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(
                f"The file {self._embedded_by} must name a model and its fingerprint: {error}."
            ) from error
        folder = local_model_folder(model, models_dir)
        if made_by != model or (folder is not None and fingerprint_of_folder(folder) != fingerprint):
            raise ConfigurationError(
                f"The embeddings must be of the model {model!r} as it is now. Got those of {made_by!r}, or of an "
                f"earlier version. Run: python -m preprocessing embed --name {self.name} --model {model}"
            )
        return fingerprint

    def require(self, path: Path, stage: str) -> Path:
        """``path`` if it is there; else ConfigurationError naming the ``stage`` that writes it."""
        if not path.exists():
            raise ConfigurationError(
                f"The file {path} must be there. Begin with: python -m preprocessing {stage} ... --name {self.name}"
            )
        return path
