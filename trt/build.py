"""From a network to a TensorRT engine: one graph, whole, in the precision that was asked for.

The graph (:mod:`trt.graphs`) is exported with the shapes of one batch and converted by Torch-TensorRT. TensorRT types
networks strongly: what the graph computes in FP16 or FP32, the engine does too, so precision is decided by the graph
alone, and checked in it.
"""

from __future__ import annotations

import operator
import re
import warnings
from typing import TYPE_CHECKING

import torch

from trt.errors import BuildError, ConversionError, TensorRTError
from trt.graphs import make_graph
from trt.library import errors_logged, reason, require_cuda, torch_tensorrt
from trt.settings import EngineSettings, Precision

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import nn
    from torch.export import ExportedProgram
    from torch.fx import Node

    from trt.compiled import Compiled
    from trt.signature import Signature


def build(
    signature: Signature, network: nn.Module, settings: EngineSettings, device: torch.device | str = "cuda"
) -> bytes:
    """Builds an engine for a CUDA device.

    Args:
        signature: What goes in and comes out.
        network: The network; left as it is.
        settings: Settings of the build.
        device: The CUDA device that the engine is for.

    Returns:
        Serialized engine; see :func:`serialize`.

    Raises:
        MissingError: If Torch-TensorRT or the device is not there.
        ConversionError: If an operator can't be part of the engine.
        BuildError: If TensorRT fails.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    device = require_cuda(device)
    with torch.cuda.device(device):
        return serialize(signature, network, settings)


def load(
    engine: bytes, signature: Signature, device: torch.device | str = "cuda", kernels: Path | None = None
) -> Compiled:
    """Loads an engine that :func:`serialize` made.

    Args:
        engine: Serialized engine, made on a machine with the same GPU, driver and libraries.
        signature: What goes in and comes out, as the engine was built for it.
        device: The CUDA device to run on.
        kernels: File for the kernels that TensorRT-RTX compiles, see :class:`trt.loaded_engine.EngineCompiled`.

    Raises:
        MissingError: If Torch-TensorRT or the device is not there.
        BuildError: If TensorRT does not take the engine.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    from trt.loaded_engine import EngineCompiled

    return EngineCompiled(engine, signature, require_cuda(device), kernels)


def serialize(signature: Signature, network: nn.Module, settings: EngineSettings) -> bytes:
    """Builds an engine for the current CUDA device.

    Args:
        signature: What goes in and comes out.
        network: The network; left as it is.
        settings: Settings of the build.

    Returns:
        TensorRT's serialized engine, with inputs and outputs named as the signature says.

    Raises:
        MissingError: If Torch-TensorRT is not there.
        ConversionError: If an operator can't be part of the engine.
        BuildError: If TensorRT fails.
        torch.OutOfMemoryError: If the device's memory does not suffice.
    """
    module = torch_tensorrt()
    program = export(signature, network, settings)
    options = {} if settings.optimization_level is None else {"optimization_level": settings.optimization_level}
    missing: list[str] = []
    logged: list[str] = []
    try:
        with errors_logged() as logged, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                engine = module.dynamo.convert_exported_program_to_serialized_trt_engine(
                    program,
                    arg_inputs=[_input_like(node) for node in _placeholders(program)],
                    arg_input_binding_names=tuple(port.name for port in signature.inputs),
                    output_binding_names=tuple(port.name for port in signature.outputs),
                    require_full_compilation=True,
                    workspace_size=settings.workspace_bytes,
                    # Rounding FP32 to TF32 would change what the plane arithmetic and an FP32 network compute.
                    disable_tf32=True,
                    **options,
                )
            finally:
                missing = unconvertible(str(warning.message) for warning in caught)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # the converter wraps everything in RuntimeError
        if missing:
            raise _left_to_pytorch(missing) from error
        why = next((line for line in logged if "Error Code" in line), "") or reason(error)
        if re.search(r"out ?of ?memory|insufficient memory", f"{why} {error}", re.IGNORECASE):  # said in words alone
            raise torch.OutOfMemoryError(why) from error
        raise BuildError(
            f"TensorRT can't build the engine for {signature}: {why.strip()}; choose another engine, or "
            "smaller frames or batches"
        ) from error
    if missing:  # whatever the converter made of them, it is not one engine
        raise _left_to_pytorch(missing)
    return bytes(engine)


def export(signature: Signature, network: nn.Module, settings: EngineSettings) -> ExportedProgram:
    """The graph that is converted: float32 of static shapes in and out.

    Args:
        signature: What goes in and comes out.
        network: The network; left as it is.
        settings: Settings of the build.

    Raises:
        ConversionError: If a convolution is not of the precision asked for, or the network can't be exported.
        ValueError: If the signature is not for this network.
    """
    graph = make_graph(network, signature, settings)
    inputs = tuple(torch.zeros(port.shape) for port in signature.inputs)
    try:
        with torch.no_grad():
            program = torch.export.export(graph, inputs)
    except (RuntimeError, TypeError, ValueError, TensorRTError) as error:
        raise ConversionError(
            f"the network can't be traced for {signature}: {reason(error)}; it needs a forward without "
            "branches on values"
        ) from error
    expected = torch.float16 if settings.precision is Precision.FP16 else torch.float32
    wrong = [
        node
        for node in convolutions(program)
        if node.meta["val"].dtype is not (torch.float32 if _is_exact(graph, node) else expected)
    ]
    if wrong:
        raise ConversionError(
            f"convolution {wrong[0].name} computes in {wrong[0].meta['val'].dtype}, not {expected}; the network must "
            "not choose types itself"
        )
    return program


def convolutions(program: ExportedProgram) -> list[Node]:
    """The convolutions of an exported graph, transposed ones included."""
    return [
        node
        for node in program.graph.nodes
        if re.match(r"aten\.(_?convolution|conv\dd|conv_transpose\dd)\b", str(node.target))
    ]


def _is_exact(graph: nn.Module, node: Node) -> bool:
    """Whether a node is of a module that stays in FP32, see :func:`network.models.layers.to_precision`."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return bool(paths) and bool(getattr(graph.get_submodule(paths[-1]), "is_exact", False))


def unconvertible(messages: Iterable[str]) -> list[str]:
    """The operators that the converter names in its warning that it will fail; empty if there is no such warning."""
    return [
        line.partition(" ")[2].removeprefix("torch.ops.")
        for message in messages
        if message.startswith("Interpretation will fail due to missing operations")
        for line in sorted(message.splitlines()[1:])
        # Taking one of several results is no operator of its own, it fails with the one that gave them.
        if operator.getitem.__name__ not in line.rpartition(".")[2]
    ]


def _left_to_pytorch(operators: list[str]) -> ConversionError:
    return ConversionError(
        f"TensorRT has no equivalent of {', '.join(operators)}, so the network would fall apart into several engines; "
        "replace that operator in the network, or choose another engine"
    )


def _placeholders(program: ExportedProgram) -> list[Node]:
    names = set(program.graph_signature.user_inputs)
    return [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]


def _input_like(node: Node) -> torch.Tensor:
    value = node.meta["val"]
    return torch.zeros(value.shape, dtype=value.dtype)
