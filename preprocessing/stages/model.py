"""The model of a build, looked at before any image is fetched or read for it."""

from __future__ import annotations

from clip_branches.cluster.runtime import connected
from clip_branches.encoding.fingerprint import check_model, local_model_folder
from clip_branches.errors import ConfigurationError, DamagedFile
from preprocessing.devices import choose_device, choose_precision
from preprocessing.progress import say
from preprocessing.stages.embed import EmbedOptions
from preprocessing.towers import Towers
from preprocessing.workplace import Workplace


def load_first(work: Workplace, model: str, options: EmbedOptions) -> Towers | None:
    """The towers of ``model``, ready for the embed stage; None for a local one that embedded the images here before.

    Raises ConfigurationError or DamagedFile for a model, weights, a device, a precision or a cluster that cannot be
    used: a minute into the build, or hours, would be too late.
    """
    check_model(model, options.models_dir)
    if options.engine == "ray":
        with connected(options.ray_address):
            pass
    elif (options.device, options.precision) != ("auto", "auto"):
        choose_precision(options.precision, choose_device(options.device))
    if local_model_folder(model, options.models_dir) is None:
        say(f"model: loading {model} from open_clip's cache, or downloading it (a minute or more) ...")
    elif _has_embedded(work, model, options):
        return None
    return options.load(model)


def _has_embedded(work: Workplace, model: str, options: EmbedOptions) -> bool:
    try:
        work.check_embedded_by(model, options.models_dir)
    except (ConfigurationError, DamagedFile):
        return False
    return True
