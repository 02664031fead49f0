# How to talk to Grid Engine: export ACTIVEZOO_SCHEDULER=profiles/generic/grid_engine.sh
# Clusters differ in three names. `qconf -spl` lists parallel environments (here smp), `qconf -sc` what a job can ask
# for: memory (here mem_free) and GPUs (here gpu). h_vmem limits virtual memory; TensorFlow takes gigabytes more of it
# than it uses.

# Queue a script and print the job's id, nothing else. The environment is passed on (-V), but many clusters start jobs in
# a login shell, whose profile sets another PATH than the one to Python.
submit() {
    name=$1 threads=$2 memory_mb=$3 runtime_min=$4 gpus=$5 script=$6
    asked="h_rt=$((runtime_min * 60)),mem_free=${memory_mb}M"
    if [ "$gpus" -gt 0 ]; then asked="$asked,gpu=$gpus"; fi
    qsub -terse -V -cwd -S /bin/sh -j y -o .snakemake/log -N "$name" -pe smp "$threads" -l "$asked" <<EOF
export PATH="$PATH"
exec "$script"
EOF
}

# Print `running` (also for a job that waits), `success` or `failed`.
status() {
    if report=$(qstat -j "$1" 2>/dev/null); then
        case $report in
        # It could not be started, and would wait for ever.
        *"error reason"*)
            printf '%s\n' "$report" | grep 'error reason' >&2
            qdel "$1" >&2
            echo failed
            ;;
        *) echo running ;;
        esac
    elif report=$(qacct -j "$1" 2>/dev/null); then
        if printf '%s\n' "$report" | awk '$1 == "failed" || $1 == "exit_status" { bad += $2 } END { exit bad > 0 }'; then
            echo success
        else
            echo failed
        fi
    else # it ended a moment ago, or the scheduler does not answer: asked again later
        echo running
    fi
}

# End jobs, given their ids.
cancel() {
    qdel "$@"
}
