import os
import sys

# Great Expectations reads this variable when it is imported, and otherwise reports its usage.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# It imports pyspark if it is installed, which ends the process where grpc is not. All checks run in DuckDB.
sys.modules.setdefault("pyspark", None)
