"""Programs for a device: a compiled network, in tiles or whole, with what goes around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trt.tiling import TiledCompiled
from trt.window_program import WindowProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from trt.compiled import Compiled, Program
    from trt.signature import Signature
    from trt.tiling import Grid


def make_program(compile_for: Callable[[Signature], Compiled], signature: Signature, cut: Grid | None) -> Program:
    """A program from frames to deblurred frames.

    Args:
        compile_for: Function that compiles the network.
        signature: What to compile it for, of whole frames.
        cut: Tiles of a frame that are computed at a time; None for whole frames. A network over time gets tiles of
            frames that were aligned as a whole.
    """
    if cut is None:
        core = compile_for(signature)
    else:
        core = TiledCompiled(compile_for(signature.of_size(*cut.shape)), signature, cut)
    return core if signature.window is None else WindowProgram(core, signature, signature.window)
