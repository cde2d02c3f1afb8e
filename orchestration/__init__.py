"""From raw conversation exports to published reports."""
