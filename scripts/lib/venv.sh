# Makes, mends or reuses <checkout>/.venv. Sourced by the scripts beside it.
#
#   ensure_venv ROOT runtime   what the simulator needs to run, native kernels included
#   ensure_venv ROOT dev       that and the tools of the tests
#
# Sets $venv. A stamp in .venv remembers what was installed, so a second call installs nothing unless
# pyproject.toml, constraints.txt or the interpreter changed. Packages are never taken away.

say() { printf '%s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

supported() { case $1 in 3.11 | 3.12 | 3.13) return 0 ;; *) return 1 ;; esac; }

# What an interpreter is: version, build and where it is installed.
python_identity() { "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }

# Prints a Python that can make the environment: $PYTHON when it is set, else the first that fits.
find_python() {
    local candidate version seen=""
    if [ -n "${PYTHON:-}" ]; then
        version=$(python_version "$PYTHON") || die "PYTHON=$PYTHON does not run; set it to a Python 3.11 or 3.12."
        supported "$version" || die "PYTHON=$PYTHON is Python $version, but entropyjax needs 3.11 to 3.13; name another one."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3.12 python3.11 python3 python3.13; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        version=$(python_version "$candidate") || continue
        if supported "$version"; then
            command -v "$candidate"
            return
        fi
        seen="$seen $candidate is Python $version;"
    done
    [ -z "$seen" ] || die "no Python from 3.11 to 3.13 found ($(printf '%s' "${seen# }" | sed 's/;$//')); install Python 3.12, or set PYTHON to the one to use."
    die "python3 not found; install Python 3.11 or 3.12 (on Debian or Ubuntu: apt install python3 python3-venv), or set PYTHON to the one to use."
}

# Why the environment cannot be used, or nothing when it can.
venv_fault() {
    local version first
    version=$(python_version "$venv/bin/python") || { echo "its Python does not run"; return; }
    supported "$version" || { echo "it has Python $version, and entropyjax needs 3.11 to 3.13"; return; }
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || { echo "it has no working pip"; return; }
    if [ -f "$venv/bin/pip" ]; then
        read -r first <"$venv/bin/pip" || true
        case $first in
            '#!'/*/python*)
                [ "$(dirname "${first#??}")" -ef "$venv/bin" ] || { echo "it was made in another folder"; return; }
                ;;
        esac
    fi
    if [ -n "${PYTHON:-}" ] && [ "$(python_identity "$PYTHON")" != "$(python_identity "$venv/bin/python")" ]; then
        echo "it has another Python than PYTHON=$PYTHON"
    fi
}

# Makes the environment, in place of a broken one when there is one; checks first, so that nothing is
# deleted that cannot be made again.
make_venv() {
    local root=$1 python
    python=$(find_python) || exit 1
    [ -w "$root" ] || die "no permission to write in $root; change its owner, or copy the checkout to a folder of yours."
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        die "$python has no venv module; install it (on Debian or Ubuntu: apt install python3-venv) and run this again."
    rm -rf "$venv"
    say "Making $venv with $python ($(python_version "$python")) ..."
    "$python" -m venv "$venv" || die "could not make $venv; the lines above say why (a full disk? 1.5 GB are needed)."
}

# One line that changes when the environment has to be brought up to date.
venv_fingerprint() {
    local root=$1
    { cat "$root/pyproject.toml" "$root/constraints.txt"; printf '%s\n' "$root"; python_identity "$venv/bin/python"; } | cksum
}

install_packages() {
    local root=$1 level=$2 extras=cpu
    [ "$level" = runtime ] || extras=cpu,dev
    [ -w "$venv" ] || die "no permission to write in $venv; change its owner, or delete it."
    say "Installing entropyjax ($level packages) into $venv; the first time this takes a minute or two ..."
    printf '%s\n\n' "$level" >"$stamp"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable "$root[$extras]" --constraint "$root/constraints.txt" ||
        die "pip could not install the packages; the lines above say why. Without a network, point PIP_FIND_LINKS at a folder of wheels and set PIP_NO_INDEX=1; otherwise run this again."
}

ensure_venv() {
    local root=$1 level=$2 stamp fault had_level="" had_print=""
    venv=$root/.venv
    stamp=$venv/entropyjax-stamp

    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ] && { [ ! -d "$venv" ] || [ -n "$(ls -A "$venv")" ]; }; then
        die "$venv is there but is no virtual environment; move it away and run this again."
    fi
    if [ -f "$stamp" ]; then { read -r had_level; read -r had_print; } <"$stamp" || true; fi
    [ "$had_level" != dev ] || level=dev

    if [ -z "${PYTHON:-}" ] && [ "$had_print" = "$(venv_fingerprint "$root")" ] && [ "$had_level" = "$level" ]; then
        return
    fi
    if [ -f "$venv/pyvenv.cfg" ]; then
        fault=$(venv_fault)
        [ -z "$fault" ] || say "The environment $venv cannot be used ($fault): it is made anew."
    else
        fault="it does not exist"
    fi
    if [ -n "$fault" ]; then
        make_venv "$root"
        had_print=""
    fi
    if [ "$had_print" != "$(venv_fingerprint "$root")" ] || [ "$had_level" != "$level" ]; then
        install_packages "$root" "$level"
        printf '%s\n%s\n' "$level" "$(venv_fingerprint "$root")" >"$stamp"
    fi
}
