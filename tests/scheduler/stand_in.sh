# A scheduler of one machine, for tests of profiles/generic: it writes down what it was asked for and runs jobs at once.
# Each job has a folder in STAND_IN, whose name is its id: asked (one argument a line), output, pid, status.

submit() {
    folder=$(mktemp -d "$STAND_IN/job-XXXXXX")
    printf '%s\n' "$@" >"$folder/asked"
    for script in "$@"; do :; done
    # In a session of its own, as a job of a cluster is; the status appears whole or not at all.
    setsid sh -c 'echo $$ >"$1/pid"; "$2"; echo $? >"$1/ended"; mv "$1/ended" "$1/status"' \
        sh "$folder" "$script" >"$folder/output" 2>&1 </dev/null &
    basename "$folder"
}

status() {
    case $(cat "$STAND_IN/$1/status" 2>/dev/null) in
    "") echo running ;;
    0) echo success ;;
    *) echo failed ;;
    esac
}

cancel() {
    for job in "$@"; do
        kill -s TERM -- "-$(cat "$STAND_IN/$job/pid")"
    done
}
