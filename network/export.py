"""Networks and plane arithmetic as ONNX, which inference libraries read without PyTorch.

Two kinds of files: a network alone; and for networks from RGB to RGB, per layout, two *planar graphs* without weights,
exported from the modules of :mod:`network.planar`, that go before and after a network. The colour coefficients are
inputs of the planar graphs, so that they serve every matrix, range and depth. An engine joins the three and puts
constants in.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch import nn

from network import catalogue, weights
from network.files import replace_atomically
from network.models import registry
from network.models.idc_video import IDCVideo
from network.models.idc_video_export import IDCVideoExport, pixels_together
from network.models.layers import fold_for_inference
from network.planar import PlanesToRGB, ResidualToPlanes
from network.planes import Layout, PlaneSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPSET = 18
"""ONNX opset of the exporter itself; a newer one would need a conversion, and no engine needs it."""

SAMPLE_BATCH = 2
SAMPLE_SIZE = (37, 43)
"""Height and width of the example given to the exporter. Odd and unequal sizes, and a batch over 1, keep it from
taking any of them for a constant."""

_DYNAMIC = torch.export.Dim.DYNAMIC


def export_network(
    network: nn.Module, path: Path, *, name: str, digest: str, card: Mapping[str, Any] | None = None
) -> None:
    """Writes a network as ONNX with dynamic batch, height and width.

    Batch normalisation is folded in a copy; the module itself stays as it is. A network over time has the inputs
    ``luma``, ``chroma`` and, if it sees neighbours, ``motion``, and the outputs ``luma_correction`` and
    ``chroma_correction``, as :meth:`network.models.idc_video.IDCVideo.forward` says; height and width of its luma are
    multiples of 16. Metadata name its window and planes.

    Args:
        network: Network that maps RGB (N, 3, H, W) float32 to the same shape, or one over time.
        path: File to write, which is replaced if it is there.
        name: The network's name in the registry.
        digest: Digest of the network's weights, as their file says; empty if it has none.
        card: The training card.
    """
    folded = fold_for_inference(copy.deepcopy(network).cpu())
    metadata = {
        catalogue.NETWORK_KEY: name,
        catalogue.DIGEST_KEY: digest,
        catalogue.CARD_KEY: json.dumps(dict(card or {}), sort_keys=True),
    }
    window = getattr(folded, "window", None)
    if window is None:
        example = torch.rand(SAMPLE_BATCH, 3, *SAMPLE_SIZE)
        model = _exported(folded, (example,), ({0: _DYNAMIC, 2: _DYNAMIC, 3: _DYNAMIC},), ["rgb"], ["deblurred"])
    else:
        model = _exported_over_time(IDCVideoExport(folded) if isinstance(folded, IDCVideo) else folded)
        pixels_together(model)
        metadata |= {catalogue.WINDOW_KEY: f"{window.before},{window.after}", catalogue.PLANES_KEY: catalogue.YUV420}
    _save(model, path, metadata)


def export_planar_graphs(layout: Layout, to_rgb: Path, to_planes: Path) -> None:
    """Writes the two planar graphs of a layout as ONNX with dynamic batch and sizes.

    They are two files and not one with a hole for the network: in one graph the exporter may take a size that the
    first half needs from the picture that comes back, which makes a loop when the hole is filled.

    Args:
        layout: Layout of the samples in planes.
        to_rgb: File for :class:`network.planar.PlanesToRGB`. Inputs ``plane0`` to ``plane2`` (as many as the layout
            has), ``to_rgb`` and ``offset``; output ``rgb``.
        to_planes: File for :class:`network.planar.ResidualToPlanes`. Inputs ``plane0`` to ``plane2``, ``before``,
            ``after``, ``from_rgb``, ``step`` and ``maximum``; outputs ``new_plane0`` to ``new_plane2``.
    """
    shapes = PlaneSpec(SAMPLE_SIZE[1], SAMPLE_SIZE[0], layout).plane_shapes
    components = 1 if layout is Layout.GRAY else 3
    planes = [torch.rand(SAMPLE_BATCH, *shape) for shape in shapes]
    plane_sizes = [{0: _DYNAMIC, 1: _DYNAMIC, 2: _DYNAMIC} for _ in shapes]
    plane_names = [f"plane{index}" for index in range(len(shapes))]
    image, image_size = torch.rand(SAMPLE_BATCH, 3, *SAMPLE_SIZE), {0: _DYNAMIC, 2: _DYNAMIC, 3: _DYNAMIC}
    first = _exported(
        PlanesToRGB(layout),
        (planes, torch.rand(3, components), torch.rand(3)),
        (plane_sizes, None, None),
        [*plane_names, "to_rgb", "offset"],
        ["rgb"],
    )
    _save(first, to_rgb, {})
    second = _exported(
        ResidualToPlanes(layout),
        (planes, image, image.flip(1), torch.rand(components, 3), torch.tensor(1.0), torch.tensor(255.0)),
        (plane_sizes, image_size, image_size, None, None, None),
        [*plane_names, "before", "after", "from_rgb", "step", "maximum"],
        [f"new_{name}" for name in plane_names],
    )
    _save(second, to_planes, {})


def export_weights(source: Path, path: Path) -> None:
    """Writes the network of a safetensors file as ONNX.

    Args:
        source: File that ``deblur train`` wrote.
        path: File to write, which is replaced if it is there.

    Raises:
        network.errors.WeightsError: If ``source`` can't be read.
    """
    network, header = weights.load(source)
    export_network(network, path, name=header.network, digest=header.digest, card=header.card)


def export_shipped(folder: Path) -> list[Path]:
    """Writes every file that the package ships but the safetensors: ``identity``, planar graphs, trained networks.

    Args:
        folder: Folder of the trained networks' safetensors, to which the ONNX files go.

    Returns:
        Files that were written.

    Raises:
        network.errors.WeightsError: If a safetensors file can't be read.
    """
    written = []
    for layout in Layout:
        names = catalogue.planar_graph_names(layout)
        to_rgb, to_planes = (folder / name for name in names)
        export_planar_graphs(layout, to_rgb, to_planes)
        written += [to_rgb, to_planes]
    written.append(folder / "identity.onnx")
    export_network(registry.create("identity"), written[-1], name="identity", digest="")
    for source in sorted(folder.glob("*.safetensors")):
        written.append(source.with_suffix(".onnx"))
        export_weights(source, written[-1])
    return written


def _exported_over_time(network: Any) -> onnx.ModelProto:
    inputs = network.sample_inputs(*SAMPLE_SIZE, batch=SAMPLE_BATCH)
    batch, rows, columns = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    steps = (network.multiple, network.multiple // 2, network.multiple // 8)  # luma, chroma, motion
    sizes = tuple({0: batch, 2: step * rows, 3: step * columns} for step in steps[: len(inputs)])
    names = ["luma", "chroma", "motion"][: len(inputs)]
    return _exported(network, inputs, sizes, names, ["luma_correction", "chroma_correction"])


def _exported(
    module: nn.Module, arguments: tuple[Any, ...], sizes: tuple[Any, ...], inputs: list[str], outputs: list[str]
) -> onnx.ModelProto:
    # The exporter logs that torchvision, which nothing here needs, is missing, and warns about its own internals.
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                arguments,
                dynamo=True,
                dynamic_shapes=sizes,
                input_names=inputs,
                output_names=outputs,
                opset_version=OPSET,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    assert program is not None, "None is for exports straight to a file"
    model = program.model_proto
    assert isinstance(model, onnx.ModelProto), "it is what model_proto holds"
    return model


def _save(model: onnx.ModelProto, path: Path, metadata: Mapping[str, str]) -> None:
    # What the exporter notes about each node (stack traces with the paths of the machine it ran on) stays out.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    with replace_atomically(path) as partial:
        onnx.save_model(model, partial, format="protobuf")
