"""Room in FP16 for the activations of ``idc-rt``.

On noise of saturated colours the features of ``idc-rt`` reach 193,000 (on real frames less than 100), and FP16 ends at
65,504. Between its first layers, which read the picture, and its last one, the network is made of convolutions, ReLU
and sums, so features and biases a sixteenth as large, and a last layer sixteen times as strong, are the same function.
The factor is a power of two, which rounds nothing.
"""

from __future__ import annotations

NETWORK = "idc-rt"
FEATURES = 1 / 16
READERS = ("entry.convolution.", "texture.0.convolution.")
LAST = "exit."


def feature_factor(name: str) -> float:
    """What to multiply a tensor of the folded ``idc-rt`` by.

    Args:
        name: Of the tensor, in the module and in the ONNX file alike, such as ``entry.convolution.weight``.
    """
    is_bias = name.endswith(".bias")
    if name.startswith(LAST):
        return 1.0 if is_bias else 1 / FEATURES
    return FEATURES if is_bias or name.startswith(READERS) else 1.0
