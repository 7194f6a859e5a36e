# SPDX-License-Identifier: Apache-2.0
# Sourced by demo.sh and test.sh: installs what is missing from the distribution's packages and builds into build/.

packages_build="gcc g++ libc6-dev meson ninja-build pkg-config libdnnl-dev libavcodec-dev libavformat-dev libavutil-dev libswscale-dev
 libswresample-dev libkissfft-dev libsoxr-dev libcjson-dev libcairo2-dev libxxhash-dev libsentencepiece-dev
 libutf8proc-dev libcmocka-dev"

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

install_packages() {
    command -v dpkg-query >/dev/null || { check_tools; return; }
    missing=""
    for p in $packages_build; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    as_root=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "These packages are missing:$missing. Install them as root, then run this again."
        as_root="sudo"
    fi
    say "Installing:$missing"
    log=$(mktemp)
    { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; rm -f "$log"; die "The packages could not be installed (see above)."; }
    rm -f "$log"
}

check_tools() {
    for t in cc c++ meson ninja pkg-config; do
        command -v $t >/dev/null || die "'$t' is missing, and this is not a Debian-like system: install what docs/ARCHITECTURE.md lists, then run this again."
    done
}

# build_jig DIR [meson options]: configures once, then compiles what changed; prints only when something goes wrong.
build_jig() {
    dir=$1; shift
    log=$(mktemp)
    if [ ! -f "$dir/build.ninja" ]; then
        say "Building jig (about a minute the first time)"
        meson setup "$dir" "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; die "Meson could not set up the build (see above)."; }
    fi
    ninja -C "$dir" >"$log" 2>&1 || { tail -n 60 "$log" >&2; rm -f "$log"; die "The build failed (see above)."; }
    rm -f "$log"
}
