"""Engines on the device that was asked for; any other than the processor is compared with FP32 before it is used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.engines.openvino import OpenVinoEngine, OpenVinoOptions
from pipeline.engines.openvino_core import PROCESSOR, computes_in, device_name
from pipeline.engines.openvino_network import Network, read_network
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.runner.protocols import Engine


def floating_on(device: str, precision: str) -> str:
    """The precision to run a network in on a device: on the processor, the one that was asked for.

    Args:
        device: OpenVINO's name of the device.
        precision: One of :data:`pipeline.engines.precision.PRECISIONS`; ``auto`` is FP32 where another
            device has it, else FP16, which is all that NPUs have.

    Raises:
        EngineError: If OpenVINO finds no such device.
        UsageError: If INT8 was asked for, whose loss was measured on processors alone.
    """
    if device == PROCESSOR:
        return precision
    device_name(device)  # is it there?
    if precision == "int8":
        raise _no_int8(device)
    if precision == "auto":
        return "fp32" if computes_in("fp32", device) else "fp16"
    return precision


def on_openvino(network: Path | Network, options: OpenVinoOptions) -> Engine:
    """Runs a network by OpenVINO on the device of the options.

    Raises:
        EngineError: If OpenVINO can't load the network, or the device is not there.
        UsageError: If the network is one in INT8, and the device is not the processor.
    """
    if options.device == PROCESSOR:
        return OpenVinoEngine(network, options)
    from pipeline.engines.checked import checked

    network = network if isinstance(network, Network) else read_network(network)
    if network.precision:
        raise _no_int8(options.device)
    exact = replace(options, device=PROCESSOR, floating="fp32")
    engine = OpenVinoEngine(network, options)
    return checked(engine, lambda: OpenVinoEngine(network, exact), options.device)


def on_onnxruntime(path: Path, threads: int | None, device: str) -> Engine:
    """Runs a network by ONNX Runtime on a device.

    Args:
        path: File of the network.
        threads: Threads to compute with on the processor; None leaves it to ONNX Runtime.
        device: One of :data:`pipeline.engines.onnxruntime.PROVIDERS`.

    Raises:
        EngineError: If ONNX Runtime can't load the network.
        UsageError: If there is no such device.
    """
    from pipeline.engines.onnxruntime import CPU_PROVIDER, OnnxRuntimeEngine, provider_of

    provider = provider_of(device)
    engine = OnnxRuntimeEngine(path, threads, provider)
    if provider == CPU_PROVIDER:
        return engine
    from pipeline.engines.checked import checked

    return checked(engine, lambda: OpenVinoEngine(path, OpenVinoOptions(threads=threads)), device)


def _no_int8(device: str) -> UsageError:
    return UsageError(
        f"INT8 was measured on processors alone; give a network and a `precision` other than int8 with `device` "
        f"{device}",
        field="precision",
    )
