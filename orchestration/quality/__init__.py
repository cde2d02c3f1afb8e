import os
import sys

# Great Expectations reads this variable at import and otherwise sends usage statistics.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# It imports pyspark if installed, which ends the process if grpc is missing. All checks run in DuckDB.
sys.modules.setdefault("pyspark", None)
