"""What all tests need before they import anything."""

import sys

# PySpark 4.3, which Great Expectations imports if it is installed, takes a main module without a
# file for a run of its own doctests and exits. The workers of pytest-xdist have no such file.
# Drop this once PySpark looks elsewhere.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__
