#!/bin/sh
# Makes .venv with the pinned set of constraints.txt and tlx itself (editable), or leaves it as it is where
# that is done already. Whatever state an interrupted, moved or broken .venv is in, one more call mends it.
# Called by make; PYTHON names another interpreter.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
stamp=$venv/.tlx-complete
begun=$venv/.tlx-begun
needed_mib=5000

stop() {
    echo "set-up: $1" >&2
    exit 1
}

# Prints the first interpreter that the pinned set has wheels for (TensorFlow has none above 3.13).
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    found=$(${PYTHON:-python3} --version 2>&1) || found="no ${PYTHON:-python3}"
    stop "Python 3.11, 3.12 or 3.13 is needed, found $found: install one, or name it: make test PYTHON=/path/to/python3.12"
}

# What the installed set depends on; the path, because scripts in .venv/bin hold it.
fingerprint() {
    pwd
    cksum constraints.txt pyproject.toml
}

is_complete() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && "$python" -c 'import tlx.version' 2>/dev/null
}

# An interrupted pip can leave packages that look installed and aren't: begin anew rather than trust them.
is_beyond_repair() {
    [ -f "$begun" ] && return 0
    [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$(pwd)" ] && return 0
    ! "$python" -m pip --version >/dev/null 2>&1
}

make_venv() {
    if [ -e "$venv" ] && is_beyond_repair; then
        echo "set-up: the old $venv was interrupted, moved or is broken: making it anew"
        rm -rf "$venv"
    fi
    if [ ! -e "$venv" ]; then
        interpreter=$(find_python)
        "$interpreter" -c 'import ensurepip, venv' 2>/dev/null ||
            stop "$interpreter has no venv: on Debian and Ubuntu run 'apt-get install python3-venv'"
        free_mib=$(df -Pm . | awk 'NR == 2 { print $4 }')
        [ "$free_mib" -ge "$needed_mib" ] ||
            stop "$needed_mib MiB of free disk are needed for $venv and its download, found $free_mib MiB"
        echo "set-up: making $venv with $("$interpreter" --version): some minutes, mostly TensorFlow's download"
        mkdir "$venv"
        : >"$begun"
        "$interpreter" -m venv "$venv"
    else
        echo "set-up: bringing $venv up to date"
        : >"$begun"
        rm -f "$stamp"
    fi
    started=$(date +%s)
    [ -t 1 ] && quiet="" || quiet=--quiet
    # --no-deps: the pinned set is the whole set, whatever the metadata of a newer release says.
    "$python" -m pip install $quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt ||
        stop "pip could not install the pinned packages (its message is above): mend that and run make again"
    "$python" -m pip install $quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ||
        stop "pip could not install tlx itself (its message is above)"
    fingerprint >"$stamp"
    rm -f "$begun"
    echo "set-up: done in $(($(date +%s) - started)) s, $(du -sm "$venv" | cut -f 1) MiB in $venv"
}

# OpenCV's wheel leans on libraries of the system: its own module knows how to say which.
check_system_libraries() {
    problem=$("$python" -c 'import tlx.opencv' 2>&1) || stop "$(echo "$problem" | tail -n 1 | sed 's/^tlx[.a-zA-Z]*: //')"
}

is_complete || make_venv
check_system_libraries
