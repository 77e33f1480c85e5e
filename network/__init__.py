"""The deblurring networks: definitions, weights, training, evaluation and export."""
