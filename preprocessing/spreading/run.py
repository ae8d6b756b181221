"""Give shards to the nodes of a cluster, take them in as they end, and let no node that fails cost one."""

from __future__ import annotations

import hashlib
import itertools
import statistics
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_branches.catalogue.packed import read_source
from clip_branches.cluster.runtime import connected, on_node
from clip_branches.encoding.fingerprint import local_model_folder
from clip_branches.errors import ClipBranchesError, ConfigurationError, InvalidInput
from clip_branches.images import decode_image
from preprocessing.interrupt import Stopped, stopped_at
from preprocessing.progress import Progress, say
from preprocessing.spreading.nodes import Nodes
from preprocessing.spreading.task import Embedded, Job, Piece, Refused, embed_piece

if TYPE_CHECKING:
    from preprocessing.shards import Shards
    from preprocessing.stages.embed import EmbedOptions

_LOOK_EVERY_S = 1.0
_NO_NODE_S = 60.0
_CRASHES = 5  # of one shard's task, wherever it ran
_SLOW_S, _SLOW_TIMES = 30.0, 4.0


def embed_on_ray(
    shards: Shards, model: str, root: Path, sources: Mapping[str, str], missing: Sequence[str], options: EmbedOptions
) -> None:
    """Embed the images ``missing`` (sha256) on a Ray cluster and add them to ``shards``: the files are the local ones.

    ``sources`` maps sha256 to source. Shards get the numbers that one machine would give them, whatever the order in
    which they end. Raises ConfigurationError when no node can do the work, ClipBranchesError when one shard's process
    ends by itself on every try; what was finished is kept.
    """
    folder = local_model_folder(model, options.models_dir)
    job = Job(
        root.resolve(),
        model if folder is None else f"local-dir:{folder.resolve()}",
        options.models_dir.resolve(),
        shards.fingerprint,
        options.device,
        options.precision,
        options.batch_size,
        options.task_cpus,
    )
    cuts = range(0, len(missing), options.shard_size)
    numbers = itertools.islice(shards.free_numbers(), len(cuts))
    pieces = [
        Piece(number, {sources[image]: image for image in missing[start : start + options.shard_size]})
        for number, start in zip(numbers, cuts, strict=True)
    ]
    total = len(sources)
    with (
        Progress("embed", total, already=total - len(missing)) as progress,
        connected(options.ray_address) as ray,
    ):
        try:
            _Run(ray, job, shards, pieces, options, progress).finish()
        except KeyboardInterrupt as error:
            raise Stopped(stopped_at(progress.done, total)) from error


@dataclass
class _Work:
    """A piece on its way: nodes that it should not go to again, and what a node that read less of it gave."""

    piece: Piece
    avoid: set[str] = field(default_factory=set)
    crashes: int = 0
    doubted: tuple[str, Embedded] | None = None


@dataclass(frozen=True)
class _Given:
    work: _Work
    node: str
    began: float


class _Run:
    def __init__(
        self,
        ray: Any,
        job: Job,
        shards: Shards,
        pieces: Sequence[Piece],
        options: EmbedOptions,
        progress: Progress,
    ) -> None:
        self._ray = ray
        # Without max_calls Ray ends the process of a task with a GPU, and the model would be loaded for each.
        how = {"num_cpus": options.task_cpus, "num_gpus": options.task_gpus, "max_retries": 0, "max_calls": 0}
        self._task = ray.remote(**how)(embed_piece)
        self._job = ray.put(job)
        self._root = job.root
        self._shards = shards
        self._progress = progress
        self._nodes = Nodes(options.task_cpus, options.task_gpus)
        self._needed = f"{options.task_cpus} processors and {options.task_gpus:g} GPUs"
        self._waiting = deque(_Work(piece) for piece in pieces)
        self._given: dict[Any, _Given] = {}
        self._left = {piece.number for piece in pieces}
        self._took: deque[float] = deque(maxlen=100)
        self._looked = float("-inf")
        self._alone_since: float | None = None

    def finish(self) -> None:
        while self._left:
            self._look()
            self._give_out()
            self._repeat_slow()
            if self._given:
                self._alone_since = None
                for ref in self._ray.wait(list(self._given), timeout=_LOOK_EVERY_S)[0]:
                    self._take_in(ref, self._given.pop(ref))
            else:
                self._wait_for_nodes()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._nodes.refresh(self._ray.nodes())
            self._looked = now

    def _give_out(self) -> None:
        held = []
        while self._waiting and self._nodes.has_room:
            work = self._waiting.popleft()
            if work.avoid >= self._nodes.usable:
                if work.doubted is not None:
                    self._keep(work, work.doubted[1])
                    continue
                work.avoid.clear()
            node = self._nodes.choose(work.avoid)
            if node is None:
                held.append(work)
            else:
                self._give(work, node)
        self._waiting.extendleft(reversed(held))

    def _give(self, work: _Work, node: str) -> None:
        ref = self._task.options(scheduling_strategy=on_node(node)).remote(self._job, work.piece)
        self._given[ref] = _Given(work, node, time.monotonic())
        self._nodes.give(node)

    def _repeat_slow(self) -> None:
        """Nothing is left to give: what takes far longer than others is given to an idle node as well."""
        if self._waiting or not self._took:
            return
        slow = max(_SLOW_S, _SLOW_TIMES * statistics.median(self._took))
        now = time.monotonic()
        at_work = [given.work.piece.number for given in self._given.values()]
        for given in list(self._given.values()):
            if now - given.began > slow and at_work.count(given.work.piece.number) == 1:
                node = self._nodes.choose({given.node, *given.work.avoid}, idle=True)
                if node is not None:
                    self._give(given.work, node)

    def _take_in(self, ref: Any, given: _Given) -> None:
        work, node = given.work, given.node
        try:
            outcome = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._looked = float("-inf")
            self._look()
            self._nodes.ended(node, well=False)
            self._crashed(work, node, error)
            return
        self._nodes.ended(node, well=True)
        if work.piece.number not in self._left:
            return
        if isinstance(outcome, Refused):
            self._leave_out(node, outcome.reason)
            self._waiting.appendleft(work)
            return
        self._took.append(time.monotonic() - given.began)
        if work.doubted is not None:
            before, other = work.doubted
            if len(outcome.failed) < len(other.failed):
                self._leave_out(before, "it could not read images that another node reads")
            self._keep(work, outcome if len(outcome.failed) <= len(other.failed) else other)
        elif outcome.failed and any(self._reads(work.piece, source) for source in outcome.failed):
            # The node may be to blame, not the image: another one is asked, where there is one.
            work.doubted = (node, outcome)
            work.avoid.add(node)
            self._waiting.appendleft(work)
        else:
            self._keep(work, outcome)

    def _keep(self, work: _Work, found: Embedded) -> None:
        how = {"device": found.device, "precision": found.precision}
        self._shards.add(found.keys, found.rows, found.failed, found.seconds, number=work.piece.number, **how)
        self._left.discard(work.piece.number)
        self._progress.update(len(work.piece.images))

    def _crashed(self, work: _Work, node: str, error: Exception) -> None:
        if work.piece.number not in self._left:
            return
        work.crashes += 1
        work.avoid.add(node)
        if work.crashes >= _CRASHES:
            said = str(error).strip().splitlines()
            raise ClipBranchesError(
                f"The shard {work.piece.number:06d} could not be embedded: its process ended by itself {_CRASHES} "
                f"times. Got last: {said[-1] if said else type(error).__name__}. What was done is kept; the same "
                "command goes on from there, with a smaller --batch-size if memory was short."
            ) from error
        self._waiting.appendleft(work)

    def _leave_out(self, node: str, reason: str) -> None:
        if self._nodes.leave_out(node, reason):
            say(f"embed: the node {node[:12]} is left out: {reason}")

    def _wait_for_nodes(self) -> None:
        """No node can take anything: one may still join, unless all there are were left out."""
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        reasons = sorted(set(self._nodes.left_out.values()))
        if reasons or now - self._alone_since > _NO_NODE_S:
            got = "; ".join(reasons) or f"none with {self._needed} within {_NO_NODE_S:.0f} s"
            raise ConfigurationError(
                f"The Ray cluster must have a node that can embed: with {self._needed}, the source and the model at "
                f"the same paths. Got: {got}. What was done is kept; the same command goes on from there."
            )
        time.sleep(_LOOK_EVERY_S)

    def _reads(self, piece: Piece, source: str) -> bool:
        """Whether this machine reads the image, so that it is not the image that is wrong."""
        try:
            content = read_source(self._root, source)
            decode_image(content)
        except (InvalidInput, OSError):
            return False
        return hashlib.sha256(content).hexdigest() == piece.images[source]
