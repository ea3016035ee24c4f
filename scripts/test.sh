#!/usr/bin/env bash
# Every check: ruff, format, types, layers, tests. Stops at the first stage that fails and says how to
# run that one alone.
#
#   scripts/test.sh [--all] [options of pytest]           --all adds the slow tests, and compiles as for users
#
# PYTHON=/path/to/python chooses the interpreter, JOBS=n the number of test processes.
set -euo pipefail

link=${BASH_SOURCE[0]}
while [ -L "$link" ]; do
    target=$(readlink "$link")
    case $target in /*) link=$target ;; *) link=$(dirname "$link")/$target ;; esac
done
root=$(cd -P "$(dirname "$link")/.." && pwd)
source "$root/scripts/lib/venv.sh"

options=()
for option; do
    if [ "$option" = --all ]; then
        options+=(-m "")
        # See tests/conftest.py.
        export OPTIMISE=1
    else
        options+=("$option")
    fi
done

ensure_venv "$root" dev
cd "$root"
export MPLBACKEND=Agg

# More processes than eight cost memory and save no time.
jobs=${JOBS:-$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
[ -n "${JOBS:-}" ] || [ "$jobs" -le 8 ] || jobs=8

stage() {
    local name=$1 status=0
    shift
    printf '\n== %s\n' "$name"
    "$@" || status=$?
    [ "$status" -eq 0 ] && return
    printf '\nFAILED: %s (exit code %s). To run it alone: cd %q &&' "$name" "$status" "$root" >&2
    printf ' %q' "$@" >&2
    printf '\n' >&2
    exit "$status"
}

stage "ruff check" .venv/bin/ruff check .
stage "ruff format" .venv/bin/ruff format --check .
stage "types" .venv/bin/basedpyright --pythonpath .venv/bin/python
stage "layers" .venv/bin/lint-imports
stage "tests" .venv/bin/python -m pytest -n "$jobs" --dist worksteal ${options[@]+"${options[@]}"}
printf '\nAll checks passed.\n'
