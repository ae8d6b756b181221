"""Typed settings of the services: assets/<service>/config.json first, then environment variables.

A key that is not known, in the file, is an error that names the known ones. An environment variable overrides the
file: DATA_DIR, MODELS_DIR, LOG_LEVEL, ACCESS and OTLP_ENDPOINT for every service, and <SERVICE>_<KEY> for one
(SEARCH_PORT, WEB_SEARCH_URL).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clip_branches.errors import ConfigurationError

_SHARED_KEYS = ("data_dir", "models_dir", "log_level", "access", "otlp_endpoint")

# "" is none; several together: "10/second;600/minute".
_RATE = r"[1-9]\d{0,8}/(second|minute|hour|day)"
Rate = Annotated[str, Field(pattern=rf"^(auto|({_RATE}(;{_RATE})*)?)$")]


class ServiceSettings(BaseModel):
    """What every service can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    service: ClassVar[str]

    data_dir: Path = Field(Path("data"), description="Catalogues, sources, caches and answers live below it.")
    models_dir: Path = Field(Path("assets/models"), description="Folder of local models, each a folder by its name.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65_535)
    threads: int = Field(8, ge=1, le=256, description="Request threads of one worker process.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes.")
    access: Literal["auto", "open", "keys"] = Field(
        "auto", description="Who may ask: open is anybody, keys who has a key or logs in; auto: open to this machine."
    )
    trusted_network: bool = Field(False, description="Whether only trusted machines reach the address it listens on.")
    proxies: int = Field(0, ge=0, le=10, description="Proxies in front whose X-Forwarded headers are to be believed.")
    rate_limit: Rate = Field("auto", description="Requests of one caller; auto: none where open, else 600/minute.")
    picture_rate_limit: Rate = Field("auto", description="Pictures of one caller; auto: none where open, 6000/minute.")
    failure_rate_limit: Rate = Field("auto", description="Wrong keys from one address; auto: 30/minute.")
    rate_storage: str = Field("memory://", repr=False, description="Where requests are counted; redis://host: shared.")
    published_host: str = Field(
        "", description="Address that others reach a container's port on, where that is another than 'host'."
    )
    otlp_endpoint: str = Field(
        "", pattern="^(https?://.*)?$", description="Collector of OpenTelemetry traces; empty: no traces."
    )
    waiting: int = Field(
        256, ge=0, le=2_000, description="Requests that wait for a thread; more are told to come back."
    )
    wait_s: float = Field(20.0, gt=0, le=600, description="Longest time that a request waits for a thread, in seconds.")
    request_s: float = Field(
        60.0, gt=0, le=86_400, description="Longest time to work on a request until its answer begins, in seconds."
    )
    receive_s: float = Field(
        60.0, gt=0, le=86_400, description="Longest time to receive a request, and for a client to take a next piece."
    )

    @property
    def catalogues_dir(self) -> Path:
        return self.data_dir / "catalogues"

    @classmethod
    def load(cls, config_dir: Path = Path("assets"), environ: Mapping[str, str] = os.environ) -> Self:
        """Settings from ``config_dir/<service>/config.json`` (may be absent), overridden by ``environ``.

        Raises ConfigurationError naming the key, what was wrong and the known keys.
        """
        path = config_dir / cls.service / "config.json"
        values = _read_config(path) if path.exists() else {}
        for key in cls.model_fields:
            names = [f"{cls.service.upper()}_{key.upper()}"]
            if key in _SHARED_KEYS:
                names.append(key.upper())
            for name in names:
                if name in environ:
                    values[key] = environ[name]
                    break
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigurationError(_explain(error, cls, path)) from error


class CatalogueSettings(ServiceSettings):
    """What a service that serves catalogues can be told."""

    catalogue_check_s: float = Field(
        2.0, ge=0.05, le=3_600, description="Seconds between looks for new, changed or removed catalogues."
    )


class SearchSettings(CatalogueSettings):
    service: ClassVar[str] = "search"

    port: int = Field(5000, ge=0, le=65_535)
    threads: int = Field(32, ge=1, le=256, description="Request threads of one worker process.")
    torch_threads: int = Field(1, ge=1, le=256, description="Threads of one text or image encoding.")
    engine_threads: int = Field(0, ge=0, le=64, description="Threads that share one query; 0: one a core, at most 4.")
    engine: Literal["local", "ray"] = Field(
        "local", description="Where segments are searched: in this process, or on the shards of a Ray cluster."
    )
    ray_address: str = Field("auto", description="The Ray cluster; 'auto': the one that this machine is a node of.")
    ray_shards: int = Field(0, ge=0, le=100_000, description="Shards of a catalogue; 0: one a node.")
    ray_replicas: int = Field(1, ge=1, le=100, description="Replicas of each shard, each on a node of its own.")
    ray_cpus: float = Field(0.5, gt=0, le=1_024, description="Processors that Ray sets aside for each replica.")
    ray_timeout_s: float = Field(
        10.0, gt=0, le=3_600, description="Seconds to wait for a shard before another replica is asked as well."
    )
    ray_start_s: float = Field(
        120.0, gt=0, le=86_400, description="Seconds to wait for the shards of a new generation to open."
    )
    ray_local_dir: str = Field(
        "", description="Folder on each node for checked copies of its segments; empty: the catalogue's own files."
    )
    compose: Literal["auto", "sum", "slerp", "combiner", "inversion"] = Field(
        "auto", description="How an image and words that change it are composed; auto: the best that the model has."
    )
    unlabelled: int = Field(1_000, ge=0, le=100_000, description="Random unlabelled images in a training set.")
    answers_in_memory: int = Field(64, ge=1, le=100_000, description="Answer sets kept in memory.")
    answers_memory_mb: int = Field(512, ge=0, le=10**6, description="Megabytes of answers kept in memory.")
    answers_disk_mb: int = Field(
        2_048, ge=0, le=10**9, description="Megabytes of answers kept on disk; those not read for longest go first."
    )
    requests_disk_mb: int = Field(
        1_024, ge=1, le=10**9, description="Megabytes of requests kept on disk, from which answers are computed again."
    )
    image_urls: bool = Field(False, description="Whether a search may name an image by a public address.")
    image_url_timeout_s: float = Field(10.0, gt=0, le=120, description="Longest time to fetch such an image.")
    data_url: str = Field("http://127.0.0.1:5001", description="Where callers of neighbours' calls find images.")
    cors_origin: str = Field("", description="Origin whose pages may read clip-retrieval's calls; '*': any.")


class DataSettings(CatalogueSettings):
    service: ClassVar[str] = "data"

    port: int = Field(5001, ge=0, le=65_535)
    threads: int = Field(16, ge=1, le=256, description="Request threads of one worker process.")
    thumbnail_quality: int = Field(85, ge=30, le=100)
    thumbnails_disk_mb: int = Field(
        4_096, ge=0, le=10**9, description="Megabytes of thumbnails kept on disk; those not seen for longest go first."
    )


class WebSettings(ServiceSettings):
    service: ClassVar[str] = "web"

    port: int = Field(8080, ge=0, le=65_535)
    search_url: str = "http://127.0.0.1:5000"
    data_url: str = "http://127.0.0.1:5001"
    timeout_s: float = Field(30.0, gt=0, description="Longest wait for an answer of another service, in seconds.")
    database_url: str = Field(
        "sqlite", description="Where saved searches are kept: 'sqlite' is a file below data_dir; else an address."
    )

    session_hours: float = Field(12.0, gt=0, le=8_760, description="How long a login lasts, in hours.")
    oidc_issuer: str = Field(
        "", pattern="^(https?://.*)?$", description="Issuer of OpenID Connect to log in by; empty: by keys alone."
    )
    oidc_client_id: str = ""
    oidc_client_secret: str = Field("", repr=False, description="Empty for a public client, which needs none.")
    oidc_client_secret_file: Path | None = Field(None, description="File that holds it instead.")
    oidc_scopes: str = Field("openid email profile", description="What the issuer is asked to tell.")
    oidc_groups_claim: str = Field("groups", description="Name under which the issuer tells somebody's groups.")

    @property
    def database(self) -> str:
        """The address of the database."""
        file = (self.data_dir / "saved" / "searches.sqlite").absolute()
        return f"sqlite:///{file}" if self.database_url in ("", "sqlite") else self.database_url


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} must be a readable JSON object: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path} must hold a JSON object, got {type(values).__name__}.")
    return values


def _explain(error: ValidationError, settings: type[ServiceSettings], path: Path) -> str:
    lines = []
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            known = ", ".join(sorted(settings.model_fields))
            lines.append(f"{path}: unknown key {key!r}. Known keys: {known}.")
        else:
            lines.append(
                f"Setting {key!r} of the {settings.service} service: {detail['msg']}, got {detail['input']!r}."
            )
    return " ".join(lines)
