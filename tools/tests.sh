#!/bin/sh
# Runs the tests that pytest's arguments name, or all. Called by make.
#
# What trains and exports is mostly one busy thread each, and generous where it looks at the clock: those tests run in
# several processes side by side. Commands, cameras, servers, benchmarks and whole chains run alone afterwards.
set -u
cd "$(dirname "$0")/.."

side_by_side="tests/core tests/demo tests/export tests/fuzz"
pytest=".venv/bin/python -m pytest"

for word; do
    case $word in
        tests | tests/* | */tests | */tests/*) exec $pytest "$@" ;;
        # What is about all tests of a run has to be one run.
        --lf | --last-failed | --ff | --failed-first | --junit*) exec $pytest "$@" ;;
    esac
done

# Ctrl-C is pytest's: this shell waits for it to clean up.
trap : INT

# Files rather than tests are given out: what a file has made for its tests, it makes once.
# shellcheck disable=SC2086 # lists of words
$pytest -n logical --maxprocesses 4 --dist loadfile $side_by_side "$@"
first=$?
# 1: tests failed. 5: none was found for what -k or -m asked for, an error only where both parts say it.
case $first in
    0 | 1 | 5) ;;
    *) exit "$first" ;;
esac
# shellcheck disable=SC2046,SC2086
$pytest $(printf -- '--ignore=%s ' $side_by_side) "$@"
second=$?

[ "$first" = 1 ] && exit 1
[ "$second" = 5 ] && exit "$first"
exit "$second"
