#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a bare Debian machine to a dance video: installs what is missing, builds, and lets the bundled picture dance.
set -eu
cd "$(dirname "$0")"
. tools/setup.sh

install_packages
build_jig build
say "The bundled picture dances to the bundled song"
build/jig dance assets/demo.png assets/demo.ogg --joints assets/demo.joints.json -o demo.mp4 --seed 1
say "Done: demo.mp4. Now yours:  build/jig dance PICTURE SONG -o OUT.mp4"
