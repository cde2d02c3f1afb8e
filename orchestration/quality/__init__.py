import os

# Great Expectations reads this when it is imported; what runs here is nobody else's business.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
