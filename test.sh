#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds and runs every test; the last line is "N passed, N failed, N skipped".
#   ./test.sh [--asan] [NAME...]    --asan: with the address and undefined-behaviour sanitizers; NAME: only these (graph, audio/beat, ...)
set -eu
cd "$(dirname "$0")"
. tools/setup.sh

build=build
options=""
if [ "${1:-}" = --asan ]; then
    shift
    build=build-asan
    options="-Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized"
fi

install_packages
build_jig $build $options
say "Testing${1:+ $*}"
exec tools/run-tests.sh "$build" "$@"
