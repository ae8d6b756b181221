"""The model card: what the demo model is, how it was made, what it can do and what it cannot."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from preprocessing.composing.table import FIGURES_FILE, composing_table

_COMPOSING = ("combiner.safetensors", "inversion.safetensors", "lift.safetensors")
BARS = {"one_attribute": 0.90, "two_attributes": 0.80, "image_to_image": 0.80}
_NAMES = {
    "one_attribute": "text to image, one attribute",
    "two_attributes": "text to image, two attributes",
    "image_to_image": "image to image, any shared kind of object",
    "image_to_image_main_kind": "image to image, the same main object",
}


def model_card(folder: Path, figures: dict[str, Any]) -> str:
    """The README.md of a model folder, from its configuration, its log and the ``figures`` of its evaluation."""
    config = json.loads((folder / "training_config.json").read_text(encoding="utf-8"))
    lines = (folder / "training.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    size = sum(path.stat().st_size for path in folder.iterdir() if _is_of_the_model(path)) / 2**20
    rows = "\n".join(f"| {label} | {figures[key]:.3f} | {_bar(key, figures[key])} |" for key, label in _NAMES.items())
    hidden = "\n".join(_hidden_row(name, values) for name, values in figures["hidden"].items())
    return f"""# The demo model

A small CLIP for drawn scenes, in open_clip's own layout: load it with `Encoder.load("demo")`, or with
`open_clip.create_model_from_pretrained("local-dir:assets/models/demo")`. It exists so that the demo runs offline and on
a processor; it knows the scenes of `preprocessing/scenes` and nothing else. For photographs use a real CLIP, such as
`ViT-B-32/openai`.

## How it was made

{textwrap.fill(_making(config, last["seconds"], size), 120)}

The losses: symmetric contrast between images and captions, and between images and short queries (a query counts as
right for every image of the batch that it is true of), on the towers' vectors and on the 32-d vectors of the heads;
among the images' 32-d vectors, where those that share a kind of object are to lie nearer; KoLeo on the 32-d vectors;
and auxiliary classifiers, thrown away afterwards:

* of the objects, their colours and the setting, on the image tower's vectors, and of what stands where, inside the
  image tower: it learns to see in minutes instead of hours;
* of the **hidden attributes** (drawing style, tilt, frame, pattern, lighting, weather), on both vectors. No caption
  ever mentions these. A CLIP trained on a web of captions sees such things because someone, somewhere, wrote about
  them; this one would throw them away, so the labels of the drawing programme stand in. The text tower never learns
  words for them: they can be found by labelling only, as the demo shows.

At the end the towers stand still and the heads are trained on, {config["head_steps"]:,} steps of {config["head_batch"]}
scenes from {config["head_scenes"]:,} seeds that the towers never saw: large batches hold many near misses, which a
32-d code has to tell apart. Noise on the image vectors keeps the heads from learning single scenes, and queries that
ask for two things come first.

Words that training never saw have rows of zeros in the token table: they say nothing. Weights are stored in half
precision.

## How good it is

On {figures["images"]:,} scenes never used in training, from 8-bit codes (images) and 32-d floats (texts); precision of
the first ten answers:

| | precision at 10 | bar |
| --- | --- | --- |
{rows}

By chance, {figures["image_to_image_chance"]:.2f} of all pairs of images share a kind of object.

| queries | number | precision at 10 | the worst |
| --- | --- | --- | --- |
{_group_rows(figures)}

A scene's own caption finds it among the first ten of {figures["images"]:,} in {figures["caption_recall_at_10"]:.0%} of
the cases; {figures["distinct_codes"]:.1%} of the codes are distinct.

What captions leave out: accuracy of a linear probe on the codes, and F1 over all images for each value from 10 right
and 10 wrong labels beside 1,000 unlabelled images (cut halfway between the means, mean of 5 draws):

| attribute | probe | F1 from ten labels |
| --- | --- | --- |
{hidden}

`python -m preprocessing evaluate-demo-model` measures it again.
{composing_section(folder)}"""


def composing_section(folder: Path) -> str:
    """What the card says of the networks that compose, by their ``composing.json``; nothing where there is none."""
    path = folder / FIGURES_FILE
    if not path.is_file():
        return ""
    figures = json.loads(path.read_text(encoding="utf-8"))
    size = sum((folder / name).stat().st_size for name in _COMPOSING if (folder / name).is_file()) / 2**20
    training = figures.get("training", "")
    return f"""
## An image and words that change it

A Combiner and a textual inversion for this model's vectors (`combiner.safetensors`, `inversion.safetensors`, and
`lift.safetensors`, which makes a stored code their input; {size:.1f} MiB together). docs/composed.md says what they do.
{training}

Measured on {figures["groups"]:,} groups of six scenes of unseen seeds: a scene and five variations of it ("the same,
but the boat is red"), {figures["queries"]:,} queries over {figures["gallery"]:,} images, the reference left out. R@K is
the share of queries, in percent, whose target is among the first K of all; Rs@1 whose target is the first of the five
others of its group (by chance 20). "Floats" ranks the 128-d vectors of the towers; "codes" starts from a reference of
which only the 32-byte code is known and ranks codes, as a search does. The sums are shown with the balance that is best
for each on other groups, too: it stands in brackets, of floats and of codes (0: look alone, 1: words alone).

{composing_table(figures)}

`python -m preprocessing train-demo-composing --evaluate-only` measures it again.
"""


def _is_of_the_model(path: Path) -> bool:
    return path.suffix in (".safetensors", ".json") and path.name not in (*_COMPOSING, FIGURES_FILE)


def _making(config: dict[str, Any], seconds: float, size: float) -> str:
    return (
        f"`python -m preprocessing train-demo-model`: {config['scenes']:,} drawn scenes and, of half of them, a twin "
        f"that differs in its objects' colours alone, in the same batch; {config['epochs']} epochs in "
        f"{seconds / 60:.0f} minutes on two shared processor cores, from random weights. The image tower is "
        f"open_clip's ModifiedResNet (layers {config['image_layers']}, width {config['image_width']}, "
        f"{config['image_size']} px), the text tower has {config['text_layers']} layers of "
        f"{config['text_width']}; {size:.1f} MiB in all. "
        "`training_config.json` holds every setting, `training.jsonl` the log."
    )


def _bar(key: str, value: float) -> str:
    if key not in BARS:
        return "-"
    return f"{BARS[key]:.2f}, {'reached' if value >= BARS[key] else 'not reached'}"


def _group_rows(figures: dict[str, Any]) -> str:
    groups = {**figures["one_attribute_by_group"], **figures["two_attributes_by_group"]}
    return "\n".join(
        f"| {name} | {group['queries']} | {group['precision_at_10']:.3f} | "
        + ", ".join(f"{text} ({value:.1f})" for text, value in list(group["worst"].items())[:3])
        + " |"
        for name, group in groups.items()
        if group["queries"]
    )


def _hidden_row(name: str, values: dict[str, Any]) -> str:
    scores = ", ".join(f"{value} {score['f1']:.2f}" for value, score in values["few_shot_f1"].items())
    return f"| {name} | {values['probe_accuracy']:.3f} | {scores} |"
