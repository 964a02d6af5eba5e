#!/bin/sh
# Compiles for this machine what needs no host, and tests it. `evenhand build` has installed the compiler.
set -e
cd "$(dirname "$0")/.."
sources=$(ls src/*.c | grep -v src/plugin.c)
.venv/bin/python -m ziglang cc -g -Wall -Isrc tests/*.c $sources -o tests/run
tests/run
