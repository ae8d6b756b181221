"""The drawings of all kinds: a function a kind, and how each kind is held in a scene."""

from __future__ import annotations

from collections.abc import Callable

from preprocessing.scenes.objects import animals, plants, things, utensils, vehicles
from preprocessing.scenes.objects.pen import Pen

DRAWINGS: dict[str, Callable[[Pen], None]] = {
    "boat": vehicles.boat,
    "car": vehicles.car,
    "train": vehicles.train,
    "bicycle": vehicles.bicycle,
    "rocket": vehicles.rocket,
    "cat": animals.cat,
    "fish": animals.fish,
    "bird": animals.bird,
    "butterfly": animals.butterfly,
    "tree": plants.tree,
    "flower": plants.flower,
    "mushroom": plants.mushroom,
    "apple": plants.apple,
    "house": things.house,
    "umbrella": things.umbrella,
    "balloon": vehicles.balloon,
    "kite": vehicles.kite,
    "teapot": utensils.teapot,
    "cup": utensils.cup,
    "lamp": things.lamp,
    "guitar": things.guitar,
    "clock": things.clock,
    "chair": things.chair,
    "key": utensils.key,
}

# These hang in the air (or water); all others stand on the ground.
FLOATING: frozenset[str] = frozenset({"fish", "bird", "butterfly", "balloon", "kite", "rocket"})
