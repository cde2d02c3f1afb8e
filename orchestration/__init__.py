"""From raw conversation exports to published reports."""

import os

__version__ = "0.1.0"

# Files of every stage hold personal data, however it is started: they are for their owner alone.
# `common.files.readable_by_others` makes the exception for what is published.
os.umask(0o077)
