# Sourced by the scripts beside it: goes to the root of the workspace and makes sure of .venv/bin/hatch there.
# Wants python3 >= 3.11 with its venv module, and pip's way to a package index; touches nothing outside .venv.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd -- "$root"

say() {
    printf '%s: %s\n' "scripts/$(basename -- "$0")" "$1" >&2
}

fail() {
    say "$1"
    exit 1
}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    recent=
    for candidate in python3 python3.13 python3.12 python3.11; do
        is_recent "$candidate" || continue
        recent=$candidate
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            python=$candidate
            return
        fi
    done
    if [ -n "$recent" ]; then
        fail "$recent lacks the venv module: install it (Debian and Ubuntu: the package python3-venv) and run this again."
    fi
    fail "Python 3.11 or newer is needed, and neither python3 nor python3.11 to python3.13 is one ($(python3 --version 2>/dev/null || echo 'no python3'))."
}

make_environment() {
    find_python
    say "making .venv with $("$python" --version) ..."
    "$python" -m venv --clear .venv || fail "$python could not make .venv, as it says above."
}

# The marker stands while pip works: what an interrupted run leaves behind is made anew by the next one.
install_hatch() {
    : >.venv/.incomplete
    say "installing hatch into .venv (once, about ten seconds) ..."
    .venv/bin/python -m pip install -qq --disable-pip-version-check 'hatch>=1.18,<2' ||
        fail "pip could not install hatch, as it says above; run this again when that is mended."
    rm .venv/.incomplete
}

is_ready() {
    [ ! -e .venv/.incomplete ] && .venv/bin/hatch --version >/dev/null 2>&1
}

is_usable() {
    [ ! -e .venv/.incomplete ] && is_recent .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1
}

if ! is_ready; then
    is_usable || make_environment
    install_hatch
fi

hatch() {
    say "hatch $*"
    .venv/bin/hatch "$@"
}
