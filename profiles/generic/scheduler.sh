# How to talk to the scheduler: three functions, as they are for PBS. Adapt them, or name a file with others in
# ACTIVEZOO_SCHEDULER. grid_engine.sh and kubernetes.sh are two.

# Queue a script and print the job's id, nothing else. The environment is passed on (-V), but many clusters start jobs in
# a login shell, whose profile sets another PATH than the one to Python.
submit() {
    name=$1 threads=$2 memory_mb=$3 runtime_min=$4 gpus=$5 script=$6
    qsub -V -j oe -N "$name" \
        -l "select=1:ncpus=$threads:mem=${memory_mb}mb:ngpus=$gpus" \
        -l "walltime=$((runtime_min * 60))" <<EOF
export PATH="$PATH"
exec "$script"
EOF
}

# Print `running` (also for a job that waits), `success` or `failed`.
status() {
    # A scheduler that does not answer is asked again later.
    report=$(qstat -x -f "$1") || report=
    case $report in
    *"Exit_status = 0"*) echo success ;;
    *"Exit_status = "*) echo failed ;;
    *) echo running ;;
    esac
}

# End jobs, given their ids.
cancel() {
    qdel "$@"
}
