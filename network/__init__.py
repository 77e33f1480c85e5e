"""The deblurring networks: definitions, weights, training, evaluation and export."""

import logging

# All packages above import this one. Without a handler of its own, a library's warnings go to standard error.
logging.getLogger("deblur").addHandler(logging.NullHandler())
