import os
import sys

# Great Expectations reads this when it is imported; what runs here is nobody else's business.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# It imports pyspark where it finds it, which ends the process without grpc; all is asked of DuckDB here.
sys.modules.setdefault("pyspark", None)
