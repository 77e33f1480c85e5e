"""What comes with the package."""

from __future__ import annotations

import subprocess
import sys

from network import catalogue
from network.models import registry
from network.planes import Layout


def test_names_are_those_of_the_registry() -> None:
    assert registry.names()[: len(catalogue.NAMES)] == catalogue.NAMES
    assert catalogue.DEFAULT in catalogue.NAMES
    for name in catalogue.NAMES:
        assert type(registry.create(name)).__module__ == catalogue.NETWORKS[name].partition(":")[0]


def test_every_layout_has_its_planar_graphs() -> None:
    for layout in Layout:
        assert all(path.is_file() for path in catalogue.planar_graph_files(layout)), layout


def test_a_trained_network_is_shipped_both_ways_or_not_at_all() -> None:
    assert catalogue.onnx_file("identity") is not None
    for name in set(catalogue.NAMES) - {"identity"}:
        assert (catalogue.onnx_file(name) is None) == (catalogue.weights_file(name) is None), (
            f"{name}: run `deblur export --shipped`"
        )


def test_nothing_is_found_by_a_name_that_is_a_path() -> None:
    assert catalogue.onnx_file("../shipped/identity") is None
    assert catalogue.weights_file("yuv420p-to-rgb") is None


def test_it_needs_neither_torch_nor_numpy() -> None:
    code = "import sys, network.catalogue, network.models; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own code
