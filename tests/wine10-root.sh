#!/bin/sh
# Makes a root folder of Debian trixie with Wine 10.0, 64 and 32 bit, and runs commands in it.
#
#   tests/wine10-root.sh DIR make           make the root (about a minute and a half), unless it is there
#   tests/wine10-root.sh DIR run CMD...     run CMD in it, with this project's folder at its own path
#
# Needs root and debootstrap. The packages come from the mirror this machine's apt already uses. Mounts are made
# in a private mount namespace and so end with the command.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)

make_root() {
    [ -f "$dir/.ready" ] && return
    site=$("$top/deps/apt.sh" "$dir.apt" trixie site)
    rm -rf "$dir"
    mkdir -p "$dir"
    echo "  ROOT    Debian trixie with Wine 10.0 (about 90 s)"
    debootstrap --variant=minbase trixie "$dir" "$site" >"$dir.log" 2>&1 ||
        { tail -n 5 "$dir.log" >&2; return 1; }
    # A mirror may be in the middle of its own update: a second look often helps, and 64 bit alone is better than nothing.
    # shellcheck disable=SC2016
    chroot "$dir" /bin/sh -ec '
        export DEBIAN_FRONTEND=noninteractive
        dpkg --add-architecture i386
        arches="x86_64 i686" wine32=wine32:i386
        apt-get -q update || { sleep 20; apt-get -q update; } || {
            dpkg --remove-architecture i386
            arches=x86_64 wine32=
            apt-get -q update
        }
        apt-get -q install -y --no-install-recommends wine wine64 $wine32 openssl
        echo "$arches" >/.arches' >>"$dir.log" 2>&1 ||
        { tail -n 5 "$dir.log" >&2; return 1; }
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$dir/etc/hosts"
    rm -rf "$dir/var/cache/apt/archives" "$dir/var/lib/apt/lists"
    mv "$dir/.arches" "$dir/.ready" # what Wine there can run
}

case $2 in
make)
    make_root
    ;;
run)
    shift 2
    mkdir -p "$dir$top"
    # shellcheck disable=SC2016
    exec unshare --mount --propagation private /bin/sh -ec '
        dir=$1 top=$2 cwd=$3
        shift 3
        mount --bind "$top" "$dir$top"
        mount --bind /proc "$dir/proc"
        mount --bind /dev "$dir/dev"
        exec chroot "$dir" /bin/sh -c "cd \"\$0\" && exec \"\$@\"" "$cwd" "$@"' sh "$dir" "$top" "$PWD" "$@"
    ;;
*)
    echo "usage: $0 DIR make | run CMD..." >&2
    exit 2
    ;;
esac
