"""The rooms of the packages, who imports whom, on how many floors, in how many circles.

::

    python benchmarks/imports.py

A room is a module or a folder that stands directly in a package. A room stands one floor above the highest that it
imports. An arrow that goes up is one of those that would have to go for the rooms to have floors at all. Imports for
type checking count like all others. It ends with 1 if there is a circle or an arrow that goes up.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGES = ("network", "pipeline", "trt")

Arrow = tuple[str, str]
"""The importing module, and the imported one."""


@dataclass(frozen=True, slots=True)
class House:
    """What imports make of the modules of some packages.

    Attributes:
        modules: Number of modules.
        rooms: Rooms in order of their names, each with the rooms that it imports.
        floors: Floor of each room, 0 for those that import no other.
        upward: Arrows between rooms that go up.
        circles: Groups of modules that import each other, directly or through others.
    """

    modules: int
    rooms: dict[str, list[str]]
    floors: dict[str, int]
    upward: list[Arrow]
    circles: list[list[str]]

    @property
    def arrows(self) -> int:
        """Number of pairs of rooms of which one imports the other."""
        return sum(map(len, self.rooms.values()))


def survey(packages: Sequence[str]) -> House:
    """Finds out who imports whom.

    Args:
        packages: Names of packages that can be imported.
    """
    graph = grimp.build_graph(*packages, cache_dir=None)
    modules = len(graph.modules)
    circles = _circles(graph)
    for package in packages:
        for child in graph.find_children(package):
            if graph.find_children(child):
                graph.squash_module(child)
    rooms = {room: sorted(graph.find_modules_directly_imported_by(room) - {room}) for room in sorted(graph.modules)}
    rooms = {room: known for room, known in rooms.items() if room not in packages or known}
    upward = sorted(
        arrow for package in packages for arrow in graph.nominate_cycle_breakers(package) if arrow[1] in rooms
    )
    down = {room: [one for one in known if (room, one) not in upward] for room, known in rooms.items()}
    floors: dict[str, int] = {}
    for room in TopologicalSorter(down).static_order():
        floors[room] = max((floors[one] + 1 for one in down.get(room, ())), default=0)
    return House(modules, rooms, floors, upward, circles)


def _circles(graph: grimp.ImportGraph) -> list[list[str]]:
    found = {
        frozenset({module, *(graph.find_upstream_modules(module) & graph.find_downstream_modules(module))})
        for module in graph.modules
    }
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def main() -> int:
    """Prints the house from the top floor to the ground."""
    house = survey(PACKAGES)
    for floor in range(max(house.floors.values()), -1, -1):
        print(f"floor {floor}")
        for room in (one for one, its_floor in sorted(house.floors.items()) if its_floor == floor):
            print(f"  {room}: {', '.join(house.rooms.get(room, [])) or '-'}")
    print(
        f"{house.modules} modules in {len(house.rooms)} rooms on {max(house.floors.values()) + 1} floors, "
        f"{house.arrows} arrows"
    )
    print(f"circles: {len(house.circles)}", *map(", ".join, house.circles), sep="\n  ")
    print(f"arrows that go up: {len(house.upward)}", *(f"{a} -> {b}" for a, b in house.upward), sep="\n  ")
    return 1 if house.circles or house.upward else 0


if __name__ == "__main__":
    sys.exit(main())
