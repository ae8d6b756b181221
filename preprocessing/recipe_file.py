"""Recipe files: read from TOML or JSON, checked key by key, and written so that they make the same catalogue again."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError

from clip_branches.catalogue.manifest import check_name
from clip_branches.errors import InvalidInput
from preprocessing.captions import find_captions
from preprocessing.download.options import DownloadSection
from preprocessing.recipe import Recipe
from preprocessing.section import Section
from preprocessing.sources.detect import detect_kind
from preprocessing.toml_text import to_toml


class EffortSection(Section):
    """How hard to work; nothing of it changes the catalogue."""

    workers: Annotated[int | None, Field(ge=1, description="Threads and processes that read and decode.")] = None
    threads: Annotated[int | None, Field(ge=1, description="Batches that the model embeds at a time.")] = None
    batch_size: Annotated[int, Field(ge=1, le=65_536, description="Images a batch.")] = 64
    shard_size: Annotated[int, Field(ge=1, description="Images a shard of embeddings.")] = 2_048
    device: Annotated[str, Field(description="auto, cpu, cuda, cuda:1, ...")] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    engine: Annotated[Literal["local", "ray"], Field(description="Where images are embedded.")] = "local"
    ray_address: Annotated[str, Field(description="auto, or HOST:PORT of a Ray cluster.")] = "auto"
    task_cpus: Annotated[int, Field(ge=1, description="Processors that a task on Ray takes.")] = 1
    task_gpus: Annotated[float, Field(ge=0, description="GPUs that a task on Ray takes, such as 0.5.")] = 0.0


class ReportSection(Section):
    """The report at the end."""

    pictures: Annotated[int, Field(ge=0, le=200, description="Example pictures of kept and, each reason, dropped.")] = (
        24
    )


class RecipeFile(Recipe):
    """A recipe as it stands in a file: the recipe itself, the catalogue's name, and how to go about it."""

    name: Annotated[str, Field(description="Name of the catalogue.")]
    download: DownloadSection = DownloadSection()
    effort: EffortSection = EffortSection()
    report: ReportSection = ReportSection()

    def recipe(self) -> Recipe:
        """What the stages and the manifest take."""
        return Recipe.model_validate({key: getattr(self, key) for key in Recipe.model_fields})


def read_recipe_file(path: Path) -> RecipeFile:
    """The recipe in the TOML or JSON file ``path``; its relative paths are taken from the file's folder.

    ``name`` defaults to the file's, ``title`` to the name. Raises InvalidInput naming the file, the key, what is wrong
    with it and, for a key that is not known, those that are.
    """
    values = _read(path)
    values.setdefault("name", path.stem)
    values.setdefault("title", values["name"])
    _find_kind(values.get("source"), path.resolve().parent)
    try:
        recipe = RecipeFile.model_validate(_absolute(values, RecipeFile, path.resolve().parent))
    except ValidationError as error:
        raise InvalidInput(f"The recipe {path} cannot be used: {'; '.join(_problems(error))}.") from error
    check_name(recipe.name)
    return recipe


def recipe_text(name: str, recipe: Recipe) -> str:
    """TOML that makes the catalogue ``name`` by ``recipe`` again: `python -m preprocessing run FILE`."""
    values = recipe.model_dump(mode="json")
    head = f"# Makes the catalogue {name!r} again: python -m preprocessing run THIS_FILE\n"
    return head + to_toml({"name": name, **values})


def _read(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".json"):
        raise InvalidInput(f"A recipe must be a .toml or .json file. Got {path} instead.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        values = tomllib.loads(text) if suffix == ".toml" else json.loads(text)
    except FileNotFoundError as error:
        raise InvalidInput(f"A recipe must be a .toml or .json file. Got {path}, which is not there.") from error
    except OSError as error:
        raise InvalidInput(f"The recipe {path} must be readable. Got {error.strerror or error} instead.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The recipe {path} must be in UTF-8: {error}.") from error
    except ValueError as error:
        raise InvalidInput(f"The recipe {path} must be {suffix[1:].upper()}: {error}.") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"The recipe {path} must be an object of sections. Got {type(values).__name__} instead.")
    return values


def _find_kind(source: object, folder: Path) -> None:
    """Let a source that does not say its kind be of the one that it shows; a folder's own captions count."""
    if not isinstance(source, dict) or not isinstance(source.get("path"), str):
        return
    path = Path(_from(folder, source["path"]))
    if "kind" not in source and path.exists():
        source["kind"] = detect_kind(path)
    if source.get("kind", "folder") == "folder" and "captions" not in source:
        found = find_captions(path)
        source |= {} if found is None else {"captions": str(found)}


def _absolute(values: Mapping[str, Any], model: type[BaseModel], folder: Path) -> dict[str, Any]:
    """``values`` with every path of ``model``'s fields taken from ``folder``, and ~ from the home folder."""
    changed = dict(values)
    for name, value in values.items():
        kinds = _kinds(model, name)
        if Path in kinds and isinstance(value, str):
            changed[name] = _from(folder, value)
        elif list[Path] in kinds and isinstance(value, list):
            changed[name] = [_from(folder, item) if isinstance(item, str) else item for item in value]
        elif isinstance(value, Mapping):
            sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
            chosen = [kind for kind in sections if _is_kind(kind, value.get("kind"))] or sections
            changed[name] = _absolute(value, chosen[0], folder) if chosen else value
    return changed


def _from(folder: Path, path: str) -> str:
    return str((folder / Path(path).expanduser()).resolve())


def _kinds(model: type[BaseModel], name: str) -> list[Any]:
    field = model.model_fields.get(name)
    return [] if field is None else list(_flat(field.annotation))


def _flat(annotation: Any) -> Iterator[Any]:
    """The plain types of an annotation: through Annotated, Optional and unions."""
    if get_origin(annotation) is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _flat(part)
    else:
        yield annotation


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        where = [str(part) for part in problem["loc"]]
        named = ".".join(where)
        if problem["type"] == "extra_forbidden":
            known = sorted(_known_keys(where[:-1]))
            near = difflib.get_close_matches(where[-1], known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            yield f"the key {named!r} is not known; known are {', '.join(known)}.{hint}".rstrip(".")
        elif problem["type"] == "union_tag_invalid":
            context = problem["ctx"]
            yield f"{named + '.kind'!r} must be one of {context['expected_tags']}; got {context['tag']!r}"
        elif problem["type"] == "missing":
            yield f"the key {named!r} must be there"
        else:
            message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            yield f"{named!r} must be {message}; got {problem['input']!r}"


def _known_keys(where: list[str]) -> set[str]:
    """The keys that a section may have; ``where`` leads to it, through the kinds of a union where there are several."""
    models: list[type[BaseModel]] = [RecipeFile]
    for part in where:
        inner = [kind for model in models for kind in _kinds(model, part)]
        found = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
        # A part that names no field is the kind that a union chose.
        chosen = [model for model in models if _is_kind(model, part)]
        models = found or chosen or models
    return {name for model in models for name in model.model_fields}


def _is_kind(model: type[BaseModel], value: object) -> bool:
    field = model.model_fields.get("kind")
    return field is not None and (value == field.default or value in get_args(field.annotation))
