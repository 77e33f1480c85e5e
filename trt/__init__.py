"""Networks as TensorRT engines: built from PyTorch, cached, and compared with PyTorch before their first use."""
