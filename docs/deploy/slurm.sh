#!/bin/bash
# A search on several nodes of a Slurm cluster:
#
#   sbatch docs/deploy/slurm.sh my.yaml /shared/studies/my --data /shared/street
#
# What follows the study's folder are options of `automtl search`. The study's folder lies on a file
# system that all nodes see; else add --artifacts. Before the time is over the trials save their
# state and the job queues itself again; so it does when a node fails.
#
#SBATCH --job-name=automtl
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
# On nodes with GPUs also:  --gpus-per-node=4
set -euo pipefail

recipe=$1
study=$2
shift 2

here=${AUTOMTL_DEPLOY:-$SLURM_SUBMIT_DIR/docs/deploy} # Slurm runs a copy of this script
port=${AUTOMTL_RAY_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
cpus=${SLURM_CPUS_PER_TASK:-1}

# Everybody on the cluster's network may knock at Ray's ports: only who knows the token comes in.
export RAY_AUTH_MODE=token
export RAY_AUTH_TOKEN_PATH=$HOME/.automtl/ray-token-$SLURM_JOB_ID
(
    umask 077
    mkdir -p "$HOME/.automtl"
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$RAY_AUTH_TOKEN_PATH"
)
# Ray's own files, on each node for itself; the paths of its sockets must be short.
export RAY_TMPDIR=${AUTOMTL_RAY_TMP:-/tmp/ray-$SLURM_JOB_ID}
export RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")

# No function: what runs in the background must be srun itself, so that it hears when it is ended.
step=(srun --overlap --nodes=1 --ntasks=1)

address_of() {
    "${step[@]}" --nodelist="$1" hostname --ip-address | awk '{print $1}'
}

started=()
finish() {
    kill "${started[@]}" 2>/dev/null || true
    wait "${started[@]}" 2>/dev/null || true
    rm -f "$RAY_AUTH_TOKEN_PATH"
}
trap finish EXIT

wait_until_joined() { # wait_until_joined N
    python - "$1" "${started[@]}" <<'PYTHON'
import os
import sys
import time

import ray

wanted, steps = int(sys.argv[1]), [int(word) for word in sys.argv[2:]]
deadline = time.monotonic() + 300
while True:
    try:
        ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
        n_alive = sum(node["Alive"] for node in ray.nodes())
        ray.shutdown()
    except (ConnectionError, RuntimeError, ValueError):
        n_alive = 0
    if n_alive >= wanted:
        break
    if not all(os.path.exists(f"/proc/{step}") for step in steps):
        sys.exit("Ray has ended on a node while it started: see above, and its logs there")
    if time.monotonic() > deadline:
        sys.exit(f"{n_alive} of {wanted} nodes have joined within five minutes")
    time.sleep(1)
PYTHON
}

head_ip=$(address_of "${nodes[0]}")
# `auto` is what the study remembers; where that is, each run says anew.
export RAY_ADDRESS=$head_ip:$port
"${step[@]}" --nodelist="${nodes[0]}" ray start --head --block --disable-usage-stats --include-dashboard=false \
    --node-ip-address="$head_ip" --port="$port" --num-cpus="$cpus" &
started+=($!)
wait_until_joined 1
for node in "${nodes[@]:1}"; do
    node_ip=$(address_of "$node")
    "${step[@]}" --nodelist="$node" ray start --block --disable-usage-stats --address="$head_ip:$port" \
        --node-ip-address="$node_ip" --num-cpus="$cpus" &
    started+=($!)
done
wait_until_joined "${#nodes[@]}"

bash "$here/search.sh" "$recipe" "$study" --ray-address auto "$@" &
search=$!

again=false
save_and_queue_again() {
    again=true
    automtl stop "$study" --now || kill -INT "$search"
}
trap save_and_queue_again USR1 TERM

# A signal ends the first wait, not the search.
code=0
wait "$search" || code=$?
while kill -0 "$search" 2>/dev/null; do
    code=0
    wait "$search" || code=$?
done
if $again && [ "$code" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
