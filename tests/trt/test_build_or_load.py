"""An engine is built once, compared before its first use, and taken from the cache after that."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from network.models import registry
from network.planes import Layout, PlaneSpec
from tests.support.networks import rgb_network, video_network
from trt import build, library
from trt.build_or_load import Request, architecture_digest, build_or_load, engine_key
from trt.cache import EngineCache, Hit
from trt.compiled import Compiled, TorchCompiled
from trt.errors import BuildError, ConversionError, MissingError, ParityError
from trt.library import Environment
from trt.settings import EngineSettings, Precision
from trt.signature import Signature

ENVIRONMENT = Environment("GPU", "8.9", "580.1", "13.0", "tensorrt 11.1", "2.14.0", "2.14.1")
SPEC = PlaneSpec(48, 32)
FP32 = EngineSettings(Precision.FP32)
CPU = torch.device("cpu")


def request(**changes: object) -> Request:
    made = Request(rgb_network(), "small", SPEC, 2, EngineSettings(precision=Precision.FP32))
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Builder:
    """TensorRT's place taken by PyTorch: what asks for the environment, builds, and loads.

    Attributes:
        wrong: Whether another network is compiled than the one asked for.
        refuses: Loads that fail.
        error: What a build raises, if anything.
        in_place: What engines depend on.
        built: Networks that were built.
        kernels: Files for kernels that engines were loaded with.
    """

    wrong: bool = False
    refuses: int = 0
    error: Exception | None = None
    in_place: Environment = ENVIRONMENT
    built: list[nn.Module] = field(default_factory=list)
    kernels: list[Path | None] = field(default_factory=list)

    def environment(self, device: torch.device) -> Environment:
        assert device == CPU
        return self.in_place

    def build(
        self, _signature: Signature, network: nn.Module, _settings: EngineSettings, device: torch.device
    ) -> bytes:
        assert device == CPU
        if self.error is not None:
            raise self.error
        self.built.append(network)
        return b"engine " * 100

    def load(self, engine: bytes, signature: Signature, _device: torch.device, kernels: Path | None = None) -> Compiled:
        assert engine == b"engine " * 100
        self.kernels.append(kernels)
        if self.refuses:
            self.refuses -= 1
            raise BuildError("built by something else")
        return TorchCompiled(signature, rgb_network(seed=5 if self.wrong else 0), FP32)

    def put_in(self) -> None:
        """Takes TensorRT's place; :func:`builder` gives it back."""
        library.environment = self.environment  # type: ignore[assignment]
        build.build, build.load = self.build, self.load  # type: ignore[assignment]


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    for module, name in ((library, "environment"), (build, "build"), (build, "load")):
        monkeypatch.setattr(module, name, getattr(module, name))
    made.put_in()
    return made


@dataclass
class Comparison:
    """Compares with PyTorch in FP32 on noise; counts how often."""

    wanted: Request
    count: int = 0

    def __call__(self, compiled: Compiled) -> str:
        self.count += 1
        spec = self.wanted.spec
        torch.manual_seed(0)
        planes = tuple(torch.randint(0, 256, (self.wanted.batch, *s), dtype=torch.uint8) for s in spec.plane_shapes)
        reference = TorchCompiled(self.wanted.signature, self.wanted.network, EngineSettings(Precision.FP32))
        worst = max(
            int((a.int() - b.int()).abs().max()) for a, b in zip(compiled(planes), reference(planes), strict=True)
        )
        if worst > 1:
            raise ParityError(f"the engine is {worst} codes off")
        return f"worst {worst}"


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def test_the_second_time_nothing_is_built_or_compared(cache: EngineCache, builder: Builder, told: list[str]) -> None:
    comparison = Comparison(request())
    first = build_or_load(request(), CPU, cache, comparison)
    assert first.signature == Signature(SPEC, 2)
    assert (len(builder.built), comparison.count) == (1, 1)
    assert told[0].endswith("no engine was built yet")
    assert "it may take minutes" in told[1]
    assert told[-1] == "compared with PyTorch: worst 0"
    told.clear()
    build_or_load(request(), CPU, EngineCache(cache.folder), comparison)
    assert (len(builder.built), comparison.count, told) == (1, 1, [])
    kernels = cache.kernels(engine_key(request(), ENVIRONMENT).digest)
    assert builder.kernels == [kernels, kernels], "of a new engine as of one from the cache"


def test_another_driver_builds_again_and_says_why(cache: EngineCache, builder: Builder, told: list[str]) -> None:
    build_or_load(request(), CPU, cache, Comparison(request()))
    builder.in_place = replace(ENVIRONMENT, driver="590.2")
    told.clear()
    build_or_load(request(), CPU, cache, Comparison(request()))
    assert len(builder.built) == 2
    assert "the driver was 580.1 and is 590.2" in told[0]
    assert "about 0 s" in told[1], "the time of the last build is told"


def test_a_wrong_engine_is_refused_now_and_later_without_another_build(cache: EngineCache, builder: Builder) -> None:
    comparison = Comparison(request())
    builder.wrong = True
    with pytest.raises(ParityError, match="codes off"):
        build_or_load(request(), CPU, cache, comparison)
    with pytest.raises(ParityError, match=r"codes off; `deblur engine clear`"):
        build_or_load(request(), CPU, cache, comparison)
    assert (len(builder.built), comparison.count) == (1, 1)
    cache.clear()
    builder.wrong = False
    build_or_load(request(), CPU, cache, comparison)


def test_a_comparison_that_was_interrupted_is_made_later(cache: EngineCache, builder: Builder) -> None:
    def interrupted(_compiled: Compiled) -> str:
        raise KeyboardInterrupt

    comparison = Comparison(request())
    with pytest.raises(KeyboardInterrupt):
        build_or_load(request(), CPU, cache, interrupted)
    build_or_load(request(), CPU, cache, comparison)
    assert (len(builder.built), comparison.count) == (1, 1)


def test_a_cached_engine_that_does_not_load_is_built_again(
    cache: EngineCache, builder: Builder, told: list[str]
) -> None:
    build_or_load(request(), CPU, cache, Comparison(request()))
    builder.refuses = 1
    told.clear()
    build_or_load(request(), CPU, cache, Comparison(request()))
    assert len(builder.built) == 2
    assert "built again: built by something else" in told[0]


def test_a_damaged_entry_is_built_again(cache: EngineCache, builder: Builder, told: list[str]) -> None:
    build_or_load(request(), CPU, cache, Comparison(request()))
    (engine,) = cache.folder.glob("*.engine")
    engine.write_bytes(b"damaged")
    told.clear()
    build_or_load(request(), CPU, cache, Comparison(request()))
    assert len(builder.built) == 2
    assert "truncated" in told[0]


def test_without_a_cache_it_is_built_and_compared_every_time(builder: Builder) -> None:
    comparison = Comparison(request())
    for _ in range(2):
        build_or_load(request(), CPU, None, comparison)
    assert (len(builder.built), comparison.count) == (2, 2)


@pytest.mark.usefixtures("builder")
def test_a_cache_that_can_not_be_written_costs_the_cache_alone(cache: EngineCache, told: list[str]) -> None:
    wanted = engine_key(request(), ENVIRONMENT)
    (cache.folder / f"{wanted.digest}.engine" / "in the way").mkdir(parents=True)
    compiled = build_or_load(request(), CPU, cache, Comparison(request()))
    assert compiled.signature.batch == 2
    assert any("can't be kept" in line for line in told)


def test_a_failed_build_leaves_no_entry_and_no_lock(cache: EngineCache, builder: Builder) -> None:
    builder.error = ConversionError("no equivalent of aten.median")
    with pytest.raises(ConversionError, match="median"):
        build_or_load(request(), CPU, cache, Comparison(request()))
    assert cache.entries() == []
    builder.error = None
    build_or_load(request(), CPU, cache, Comparison(request()))
    assert len(builder.built) == 1


def test_every_part_of_a_request_reaches_the_key() -> None:
    keys = [
        engine_key(each, ENVIRONMENT)
        for each in (
            request(),
            request(name="other"),
            request(network=rgb_network(seed=1)),
            request(spec=PlaneSpec(48, 32, Layout.NV12)),
            request(spec=PlaneSpec(48, 32, depth=10)),
            request(spec=PlaneSpec(48, 32, full_range=True)),
            request(spec=PlaneSpec(50, 32)),
            request(spec=PlaneSpec(48, 34)),
            request(batch=3),
            request(network=video_network()),
            request(network=video_network(), spec=PlaneSpec(48, 32, depth=10)),
            request(network=video_network(), spec=PlaneSpec(50, 32)),
            request(network=video_network(frames=1)),
            request(settings=EngineSettings()),
            request(settings=EngineSettings(Precision.FP32, strength=0.5)),
            request(settings=EngineSettings(Precision.FP32, optimization_level=5)),
            request(settings=EngineSettings(Precision.FP32, workspace_bytes=1)),
        )
    ]
    assert len({key.digest for key in keys}) == len(keys)
    assert engine_key(request(), ENVIRONMENT) == keys[0], "the same again"


def test_frames_with_the_same_working_planes_share_an_engine() -> None:
    network = video_network()
    kinds = (PlaneSpec(48, 32), PlaneSpec(47, 31), PlaneSpec(48, 32, Layout.NV12), PlaneSpec(48, 32, Layout.GRAY))
    keys = {engine_key(request(network=network, spec=spec), ENVIRONMENT) for spec in kinds}
    assert len(keys) == 1
    (key,) = keys
    assert (key.window, key.width, key.height) == ("1,1", 48, 32)


def test_options_without_a_tensor_of_their_own_reach_the_architecture() -> None:
    torch.manual_seed(0)
    three, one = registry.create("idc"), registry.create("idc", scales=1)
    assert sorted(three.state_dict()) == sorted(one.state_dict()), "the same tensors, run another number of times"
    assert architecture_digest(three) != architecture_digest(one)
    assert architecture_digest(one) == architecture_digest(registry.create("idc", scales=1).train())


def test_a_network_without_source_is_never_the_same() -> None:
    namespace: dict[str, type[nn.Module]] = {}
    exec("from torch import nn\nclass Typed(nn.Module): pass", {"__name__": "typed_in"}, namespace)  # noqa: S102
    typed = namespace["Typed"]()
    assert architecture_digest(typed) != architecture_digest(typed)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_that_is_said(cache: EngineCache) -> None:
    for kept in (cache, None):
        with pytest.raises(MissingError, match="no CUDA device"):
            build_or_load(request(), torch.device("cuda"), kept, Comparison(request()))
    assert cache.entries() == []


PROCESS = """
import logging, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_build_or_load import CPU, Builder, Comparison, request
from trt.cache import EngineCache
from trt.build_or_load import build_or_load

log = Path(sys.argv[2])

class Slow(Builder):
    def build(self, *arguments):
        with log.open("a") as file:
            file.write("built\\n")
        while log.with_suffix(".asked").read_text().count("asks") < 2:
            time.sleep(0.01)
        time.sleep(0.5)  # the other one is at the lock by now
        return super().build(*arguments)

cache = EngineCache(Path(sys.argv[1]))
with log.with_suffix(".asked").open("a") as file:
    file.write("asks\\n")
Slow().put_in()
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
compiled = build_or_load(request(), CPU, cache, Comparison(request()))
print("batch", compiled.signature.batch)
"""


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_two_processes_that_want_the_same_engine_build_it_once(tmp_path: Path) -> None:
    folder, log, here = tmp_path / "engines", tmp_path / "builds.log", Path(__file__).parent
    arguments = [sys.executable, "-c", PROCESS, str(folder), str(log), str(here)]
    processes = [
        subprocess.Popen(  # noqa: S603
            arguments,
            cwd=here.parents[1],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=90) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert log.read_text() == "built\n"
    assert all("batch 2" in out for out, _ in outputs)
    assert sum("another process builds this engine" in out for out, _ in outputs) == 1
    (entry,) = EngineCache(folder).entries()
    assert entry.entry is not None
    assert isinstance(EngineCache(folder).lookup(entry.entry.key), Hit)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
