"""From raw conversation exports to published reports."""

import os

__version__ = "0.1.0"

# Every stage writes personal data, so files are readable by their owner only.
# `common.files.readable_by_others` makes the exception for published files.
os.umask(0o077)
