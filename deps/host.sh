#!/bin/sh
# Installs what building (`deps/host.sh build`), testing (`deps/host.sh test`), the programs to test with
# (`deps/host.sh programs`), measuring (`deps/host.sh bench`), fuzzing (`deps/host.sh fuzz`) or BoringSSL's tests
# (`deps/host.sh bogo`) need and this machine lacks.
# Does nothing, and needs nothing, when all of it is there.
set -eu

case $1 in
build) # wine64-tools calls it winebuild-stable; the name without that comes with wine
    commands="x86_64-w64-mingw32-gcc i686-w64-mingw32-gcc winebuild widl pkg-config m4 patch xz bzip2 gcc git"
    packages="gcc-mingw-w64-x86-64-win32 gcc-mingw-w64-i686-win32 binutils-mingw-w64 wine64-tools wine wine64 pkg-config m4 patch
              xz-utils bzip2 gcc libc6-dev make git ca-certificates"
    ;;
test)
    commands="wine openssl gnutls-serv gnutls-cli nginx apache2 curl python3 debootstrap certtool unshare man shellcheck"
    packages="wine wine64 openssl gnutls-bin nginx-light apache2-bin curl python3 debootstrap util-linux procps
              man-db shellcheck ca-certificates"
    ;;
programs)
    commands="x86_64-w64-mingw32-g++ i686-w64-mingw32-g++ autoconf automake libtoolize autopoint pkg-config cmake"
    packages="g++-mingw-w64-x86-64-win32 g++-mingw-w64-i686-win32 autoconf automake libtool autopoint gettext pkg-config
              cmake"
    ;;
bench)
    commands="gnuplot taskset /usr/include/gnutls/gnutls.h /usr/include/openssl/ssl.h"
    packages="gnuplot-nox util-linux libgnutls28-dev libssl-dev"
    ;;
fuzz)
    commands="clang /usr/include/gcrypt.h valgrind"
    packages="clang libgcrypt20-dev libclang-rt-dev mingw-w64-common valgrind"
    ;;
bogo)
    commands="/usr/lib/go-1.19/bin/go /usr/share/gocode/src/golang.org/x/crypto/hkdf/hkdf.go"
    packages="golang-1.19-go golang-1.19-src golang-golang-x-crypto-dev"
    ;;
*)
    echo "usage: $0 build|test|programs|bench|fuzz|bogo" >&2
    exit 2
    ;;
esac

missing=
for command in $commands; do
    command -v "$command" >/dev/null 2>&1 || [ -x "/usr/sbin/$command" ] || [ -f "$command" ] || missing="$missing $command"
done
[ -z "$missing" ] && exit

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "These commands are missing:$missing" >&2
    echo "As root on Debian this script installs them; elsewhere, please install them yourself." >&2
    exit 1
fi
echo "  HOST    installing for$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ apt-get -q update && apt-get -q install -y --no-install-recommends $packages; } >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    exit 1
}
rm -f "$log"
