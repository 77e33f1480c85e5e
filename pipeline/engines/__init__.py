"""The engines, each in its own module, imported only when chosen.

OpenVINO reports its use over the network as soon as it is imported, if a package named ``openvino_telemetry`` is
there (it is a dependency of the ``openvino`` wheel). This program never opens a connection by itself, so the package
is made to look absent before any engine can import OpenVINO, which then uses its own stand-in that does nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

# None is Python's own mark for "must not be imported": importing it raises ModuleNotFoundError.
sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))
