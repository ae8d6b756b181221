"""``train-retrieval`` as a command on a tiny real model: every method, a kill half-way, bad input; and a catalogue that
is switched to the result by one line of its recipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file

from clip_branches.encoding import Encoder
from clip_branches.files import sha256_of
from preprocessing.cli import main
from tests.pipeline.support import REPOSITORY, Preprocessing, command, environment, write_images

SETTINGS = {"learning_rate": 1e-3, "epochs": 2, "batch_size": 16, "tests_per_epoch": 2, "flip": False, "jitter": 0.1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures of eight classes, in a folder each; a class is a picture and what noise makes of it."""
    top = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for number, path in enumerate(write_images(top / "start", 8)):
        from PIL import Image

        image = np.asarray(Image.open(path), dtype=np.int16)
        place = top / "pictures" / f"kind {number}"
        place.mkdir(parents=True)
        for copy in range(6):
            noisy = np.clip(image + generator.integers(-40, 41, image.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(place / f"{copy}.png")
            (place / f"{copy}.txt").write_text(f"a picture of kind {number}\ncopy {copy} of it\n")
    return top / "pictures"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(SETTINGS))
    return path


def run(models_dir: Path, *arguments: object) -> Result:
    texts = ["train-retrieval", *map(str, arguments), "--models-dir", str(models_dir)]
    return CliRunner().invoke(main, texts)


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "open_clip_model.safetensors")


def changed(models_dir: Path, output: Path) -> set[str]:
    """Which half of the tiny model is another one now."""
    before, after = weights(models_dir / "tiny"), weights(output)
    assert before.keys() == after.keys()
    names = [name for name in before if not np.array_equal(before[name], after[name])]
    return {"image" if name.startswith("visual.") else "text" for name in names}


def test_mcip_trains_the_image_tower_alone_and_writes_a_model(
    models_dir: Path, folder: Path, settings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run(models_dir, folder, "--model", "tiny", "--output", out, "--config", settings)
    assert result.exit_code == 0, result.output
    assert changed(models_dir, out) == {"image"}
    report = json.loads((out / "retrieval.json").read_text())
    assert (report["method"], report["images"], report["classes"], report["captions"]) == ("mcip", 36, 6, 72)
    assert report["after"]["score"] >= report["before"]["score"]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 0.5, 1, 1.5, 2]
    assert all({"mAP", "R@5"} <= set(line) for line in lines)
    assert {"class_loss", "caption_loss"} <= set(lines[1])
    assert not (out / "training").exists()
    encoder = Encoder.load(f"local-dir:{out}")
    assert encoder.head is None  # the head of other towers would not fit
    assert "mean=[0.5, 0.5, 0.5]" in repr(encoder.preprocess)


def test_gpr_ft_and_then_re_a_is_2sft(models_dir: Path, folder: Path, settings: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "gpr", tmp_path / "sft"
    result = run(models_dir, folder, "--method", "gpr-ft", "--model", "tiny", "--output", first, "--config", settings)
    assert result.exit_code == 0, result.output
    assert changed(models_dir, first) == {"image"}
    assert json.loads((first / "retrieval.json").read_text())["captions"] == 0
    options = ["--method", "re-a", "--model", f"local-dir:{first}", "--learning-rate", "0.01", "--batch-size", "16"]
    result = run(models_dir, folder, *options, "--output", second)
    assert result.exit_code == 0, result.output
    gpr, sft = weights(first), weights(second)
    assert all(np.array_equal(gpr[name], sft[name]) for name in gpr if name.startswith("visual."))
    report = json.loads((second / "retrieval.json").read_text())
    assert report["after"]["R@5"] >= report["before"]["R@5"]
    assert report["after"]["mAP"] == report["before"]["mAP"]  # images stand still


def test_pseudo_captions_come_from_a_list(models_dir: Path, folder: Path, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n".join(f"caption number {number}" for number in range(30)))
    bare = tmp_path / "bare"
    for path in folder.rglob("*.png"):
        place = bare / path.parent.name
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).hardlink_to(path)
    out, options = tmp_path / "out", ["--model", "tiny", "--caption-list", tmp_path / "list.txt"]
    refused = run(models_dir, bare, *options, "--output", out)
    assert refused.exit_code == 2
    assert "pseudo_above (0.27)" in refused.output  # a random model finds nothing alike
    assert not out.exists()
    settings.write_text(json.dumps({**SETTINGS, "epochs": 1, "pseudo_above": -1, "pseudo_nearest": 4}))
    result = run(models_dir, bare, *options, "--config", settings, "--output", out)
    assert result.exit_code == 0, result.output
    assert json.loads((out / "retrieval.json").read_text())["captions"] == 36 * 4


def test_killed_half_way_it_goes_on_and_ends_the_same(
    models_dir: Path, folder: Path, settings: Path, tmp_path: Path
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    options = [folder, "--model", "tiny", "--config", settings, "--epochs", 6]
    assert run(models_dir, *options, "--output", straight).exit_code == 0
    checkpoint = broken / "training" / "training.safetensors"
    process = subprocess.Popen(
        command("train-retrieval", *options, "--output", broken, "--device", "cpu"),
        env={**environment(models_dir), "OMP_NUM_THREADS": "1"},
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert checkpoint.exists() or process.returncode == 0
    assert not (broken / "open_clip_config.json").exists()
    assert run(models_dir, *options, "--output", broken).exit_code == 0
    assert sha256_of(broken / "open_clip_model.safetensors") == sha256_of(straight / "open_clip_model.safetensors")
    assert (broken / "log.jsonl").read_text() == (straight / "log.jsonl").read_text()


def test_bad_input_is_one_line_and_nothing_is_written(
    models_dir: Path, folder: Path, settings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bare = write_images(tmp_path / "bare", 4)[0].parent
    table = tmp_path / "table.csv"
    table.write_text("filename,caption,class\n0000.png,,a\n0001.png,,a\n0002.png,,b\n0003.png,,b\n")
    wrong = [
        ([bare, "--model", "tiny"], "'0000.png' has none"),
        ([bare, "--model", "tiny", "--table", table], "needs captions"),
        ([bare, "--model", "tiny", "--table", table, "--method", "re-a"], "captions of their own"),
        ([folder, "--model", "nobody"], "other, tiny"),
        ([tmp_path / "nowhere", "--model", "tiny"], "nowhere"),
        ([folder, "--model", "tiny", "--caption-list", tmp_path / "none.txt"], "none.txt"),
    ]
    for arguments, message in wrong:
        result = run(models_dir, *arguments, "--output", out)
        assert result.exit_code == 2, result.output
        assert message in result.output
        assert not out.exists()
    settings.write_text('{"batch": 4}')
    result = run(models_dir, folder, "--model", "tiny", "--config", settings, "--output", out)
    assert "batch_size" in result.output
    itself = run(models_dir, folder, "--model", "tiny", "--output", models_dir / "tiny")
    assert "another folder" in itself.output


def test_one_line_switches_a_catalogue_to_another_model(
    preprocessing: Preprocessing, models_dir: Path, folder: Path, settings: Path, tmp_path: Path
) -> None:
    settings.write_text(json.dumps({**SETTINGS, "epochs": 1}))
    out = tmp_path / "out"
    assert run(models_dir, folder, "--model", "tiny", "--output", out, "--config", settings).exit_code == 0
    recipe = tmp_path / "kinds.toml"
    text = f'name = "kinds"\n[source]\nkind = "folder"\npath = "{folder}"\n[embedding]\nmodel = "tiny"\n'
    recipe.write_text(text)
    preprocessing("run", recipe)
    before = preprocessing.catalogue("kinds")
    recipe.write_text(text.replace('model = "tiny"', f'model = "local-dir:{out}"'))
    preprocessing("run", recipe)
    after = preprocessing.catalogue("kinds")
    assert after.manifest.generation == before.manifest.generation + 1
    assert after.manifest.encoder.model == f"local-dir:{out}"
    assert after.manifest.encoder.fingerprint != before.manifest.encoder.fingerprint
