# Stages, each with a heading and its duration. A set-up that fails ends the run; after a check that fails, the others
# still run, and `conclude` fails.

FAILED=()

setup() {
    local title=$1 begin=$SECONDS
    printf '\n=== %s ===\n' "$title"
    "${@:2}"
    printf -- '--- %s: done in %s s\n' "$title" "$((SECONDS - begin))"
}

check() {
    local title=$1 begin=$SECONDS status result=passed
    printf '\n=== %s ===\n' "$title"
    # Not `if (...)`: bash ignores `set -e` inside of a condition.
    set +e
    (
        set -e
        "${@:2}"
    )
    status=$?
    set -e
    if [[ $status != 0 ]]; then
        result="FAILED with status $status"
        FAILED+=("$title")
    fi
    printf -- '--- %s: %s in %s s\n' "$title" "$result" "$((SECONDS - begin))"
}

conclude() {
    if [[ ${#FAILED[@]} != 0 ]]; then
        printf '\nFailed after %s s:\n' "$SECONDS" >&2
        printf '  %s\n' "${FAILED[@]}" >&2
        exit 1
    fi
    printf '\nEvery check passed, in %s s.\n' "$SECONDS"
}
