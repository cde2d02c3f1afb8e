#!/usr/bin/env bash
# A Spark cluster on this machine, for development and tests: a master, two workers and a thrift server, all
# on 127.0.0.1. `up` starts the missing processes and waits for the thrift server; `down` stops all.
# It has no authentication: every user of this machine can use it.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${CONVERSATIONS_HOME:-$PWD/data}
port=${CONVERSATIONS_SPARK_PORT:-10000}
cores=${SPARK_WORKER_CORES:-1}
memory=${SPARK_WORKER_MEMORY:-1g}
python=$PWD/.venv/bin/python
folder=$home/spark
run=$folder/cluster # pids, logs and scratch files

is_up() { # <name>
    [ -s "$run/$1.pid" ] && grep -qz spark "/proc/$(cat "$run/$1.pid")/cmdline" 2> /dev/null
}

start() { # <name> <command …>
    is_up "$1" && return
    (cd "$run" && exec setsid nohup "${@:2}" < /dev/null > "$run/$1.log" 2>&1) &
    echo $! > "$run/$1.pid"
}

stop() { # <name>
    if is_up "$1"; then
        kill "$(cat "$run/$1.pid")"
        for _ in $(seq 100); do is_up "$1" || break; sleep 0.2; done
        if is_up "$1"; then kill -KILL "$(cat "$run/$1.pid")"; fi
    fi
    rm -f "$run/$1.pid"
}

wait_for() { # <label> <name> <command …>: waits until the command succeeds or the process ends
    for _ in $(seq 1500); do
        if "${@:3}"; then return; fi
        kill -0 "$(cat "$run/$2.pid")" 2> /dev/null || break # is_up would fail: before java starts, the process has no command line
        sleep 0.2
    done
    echo "$1 did not start; the end of $run/$2.log:" >&2
    tail -n 5 "$run/$2.log" >&2
    down
    exit 1
}

master_address() { grep -oE 'spark://127\.0\.0\.1:[0-9]+' "$run/master.log" 2> /dev/null | tail -n 1; }
has_master() { [ -n "$(master_address)" ]; }
answers() { (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; }

up() {
    command -v java > /dev/null || { echo "Spark needs Java 17 or newer: install openjdk-17-jre-headless" >&2; exit 1; }
    SPARK_HOME=$("$python" -c 'import pyspark; print(*pyspark.__path__)' 2> /dev/null) \
        || { echo "pyspark is missing: .venv/bin/pip install -r requirements-spark.txt" >&2; exit 1; }
    if ! is_up thrift && answers; then
        echo "Port $port is in use; set CONVERSATIONS_SPARK_PORT to another one" >&2
        exit 1
    fi
    export SPARK_HOME SPARK_LOCAL_IP=127.0.0.1
    mkdir -p "$run"
    class() { SPARK_DAEMON_MEMORY=256m start "$1" "$SPARK_HOME/bin/spark-class" "${@:2}"; }
    is_up master || rm -f "$run/master.log"
    SPARK_MASTER_OPTS=-Dspark.master.rest.enabled=false class master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 0 --webui-port 0
    wait_for "Spark's master" master has_master
    for worker in worker-1 worker-2; do
        class $worker org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
            --cores "$cores" --memory "$memory" --work-dir "$run/$worker" "$(master_address)"
    done
    # Tables are in the home, their metadata in a Derby database.
    start thrift "$SPARK_HOME/bin/spark-submit" --class org.apache.spark.sql.hive.thriftserver.HiveThriftServer2 \
        --name conversations --master "$(master_address)" --driver-memory 2g --executor-memory "$memory" \
        --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 --conf spark.ui.enabled=false \
        --conf spark.sql.warehouse.dir="$folder/tables" --conf spark.sql.shuffle.partitions=4 \
        --conf spark.local.dir="$run/scratch" \
        --conf spark.hadoop.javax.jdo.option.ConnectionURL="jdbc:derby:;databaseName=$folder/metastore;create=true" \
        --hiveconf hive.server2.thrift.bind.host=127.0.0.1 --hiveconf hive.server2.thrift.port="$port" \
        --hiveconf hive.exec.scratchdir="$run/scratch" --hiveconf hive.exec.local.scratchdir="$run/scratch" \
        spark-internal
    wait_for "Spark's thrift server" thrift answers
    echo "Spark answers on 127.0.0.1:$port; logs are in $run"
}

down() {
    for name in thrift worker-1 worker-2 master; do stop $name; done
}

case "${1:-}" in
    up | down) "$1" ;;
    *) echo "usage: deploy/spark.sh up|down" >&2; exit 2 ;;
esac
