"""Which users Locust starts, in which order: exactly those of the plan, evenly over the workers.

Left to itself Locust picks the class of each user by weight, so that of a few users a light class gets none; and it
deals users to workers in turn, so that classes and workers can fall into step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust.dispatch import UsersDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locust import User
    from locust.runners import WorkerNode


class PlannedDispatcher(UsersDispatcher):
    """Starts the planned users of each class; whom a user of the web UI adds beyond them, Locust picks by weight.

    Args:
        worker_nodes: Locust's workers.
        user_classes: The scenario's.
        planned: Tells how many users of each class there are to be, by name, in groups: one after the other starts,
            and the last is the first to go when users are taken off.
    """

    def __init__(
        self,
        worker_nodes: list[WorkerNode],
        user_classes: list[type[User]],
        planned: Callable[[], Sequence[Mapping[str, int]]],
    ) -> None:
        self._planned = planned
        super().__init__(worker_nodes, user_classes)

    def _user_gen(self) -> Iterator[str | None]:
        added = super()._user_gen()
        while True:
            if self._try_dispatch_fixed:  # at the beginning, and after somebody has taken users off
                self._try_dispatch_fixed = False
                missing = [
                    {name: count - self._get_user_current_count(name) for name, count in group.items()}
                    for group in self._planned()
                ]
                for group in missing:
                    yield from in_rounds(group, len(self._worker_nodes))
            yield next(added)


def in_rounds(counts: Mapping[str, int], workers: int) -> list[str]:
    """Names, each as often as its count says, mixed, and each ``workers`` times in a row as far as that goes.

    Dealt to the workers in turn, each worker so gets as many of a name as any other, give or take one.
    """
    rounds = []
    for name, count in counts.items():
        sizes = [min(workers, count - start) for start in range(0, count, workers)]
        rounds += [((number + 0.5) / len(sizes), name, size) for number, size in enumerate(sizes)]
    return [name for _, name, size in sorted(rounds) for _ in range(size)]
