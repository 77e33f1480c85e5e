"""Networks and weights that come with the package (see :mod:`network.catalogue`)."""
