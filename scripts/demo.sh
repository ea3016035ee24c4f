#!/usr/bin/env bash
# Runs a sweep of about a million trajectories, from nothing: makes .venv if it has to, then prints a
# summary and the places of the figures and the data. A sweep that was interrupted goes on where it stopped.
#
#   scripts/demo.sh [options of `entropyjax sweep`]       relative paths start at the checkout
#
# PYTHON=/path/to/python chooses the interpreter.
set -euo pipefail

link=${BASH_SOURCE[0]}
while [ -L "$link" ]; do
    target=$(readlink "$link")
    case $target in /*) link=$target ;; *) link=$(dirname "$link")/$target ;; esac
done
root=$(cd -P "$(dirname "$link")/.." && pwd)
source "$root/scripts/lib/venv.sh"

ensure_venv "$root" runtime
cd "$root"
exec "$venv/bin/entropyjax" sweep sweeps/agents_by_window.toml --out results/agents_by_window.zarr --resume "$@"
