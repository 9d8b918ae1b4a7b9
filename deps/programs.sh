#!/bin/sh
# Builds programs that use Schannel and that nobody here wrote, for one Windows architecture.
#
#   deps/programs.sh ARCH TARBALLS OUT [PROGRAM]    ARCH is x86_64 or i686; OUT gets curl.exe, aria2c.exe and lg2.exe, or the one named
#
# curl (with nghttp2, for HTTP/2), aria2, and libgit2's example lg2, from Debian's upstream tarballs without Debian's patches.
# A program already built from the same inputs is left alone. Logs are OUT/log/*.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
arch=$1
mkdir -p "$2" "$3/log" "$3/work"
tarballs=$(cd "$2" && pwd)
out=$(cd "$3" && pwd)
only=${4:-}
host=$arch-w64-mingw32
work=$out/work
jobs=${JOBS:-$(nproc)}

step() { # name command...
    name=$1
    shift
    "$@" >"$out/log/$name" 2>&1 || {
        tail -n 30 "$out/log/$name" >&2
        echo "programs: $name failed; the whole log is $out/log/$name" >&2
        exit 1
    }
}

unpack() { # package
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1" || return
    tar -xf "$tarballs/$1"_*.orig.tar.[gx]z -C "$work/$1" --strip-components=1
}

# The sum of everything a program depends on.
inputs() { # package...
    { for package in "$@"; do grep "sha256 .* ${package}_" "$here/lock"; done; cat "$here/programs.sh"; "$host-gcc" --version; } |
        sha256sum
}

# nghttp2's and aria2's tarballs are the repositories as they are, without a configure.
configure_nghttp2() {
    autoreconf -i || return
    ./configure --host="$host" --prefix="$work/installed" --enable-lib-only --disable-shared --enable-static
}

# NGHTTP2_STATICLIB: else its header asks for a DLL. What is left out curl would look for on this machine.
configure_curl() {
    ./configure --host="$host" --prefix="$work/installed" --disable-shared --enable-static --with-schannel \
        --with-nghttp2="$work/installed" --without-libpsl --without-libidn2 --without-zlib --without-brotli --without-zstd \
        --without-libssh2 --disable-ldap --disable-manual --disable-docs \
        CPPFLAGS="-DNGHTTP2_STATICLIB -D_WIN32_WINNT=0x0A00" PKG_CONFIG_LIBDIR="$work/installed/lib/pkgconfig"
}

configure_aria2() {
    autoreconf -i || return
    ./configure --host="$host" --disable-nls --with-wintls --without-openssl --without-gnutls --without-libnettle \
        --without-libgmp --without-libgcrypt --without-libxml2 --without-libexpat --without-libcares --without-libz \
        --without-libssh2 --without-sqlite3 --disable-bittorrent --disable-metalink ARIA2_STATIC=yes CXXFLAGS="-O1" \
        PKG_CONFIG_LIBDIR=/nonexistent
}

# zlib's tarball has no makefile for Windows.
configure_zlib() { mkdir -p "$work/installed/include" "$work/installed/lib"; }
configure_http_parser() { configure_zlib; }

# Like ./configure --host. What is left out cmake would look for on this machine.
configure_by_cmake() { # option...
    cmake -S . -B build -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_C_COMPILER="$host-gcc" -DCMAKE_RC_COMPILER="$host-windres" \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DCMAKE_INSTALL_PREFIX="$work/installed" \
        -DCMAKE_FIND_ROOT_PATH="$work/installed" -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY "$@"
}

configure_pcre2() { configure_by_cmake -DPCRE2_BUILD_PCRE2GREP=OFF -DPCRE2_BUILD_TESTS=OFF; }

# The example asks for Windows.h, which mingw-w64 writes small.
configure_libgit2() {
    echo '#include <windows.h>' >"$work/installed/include/Windows.h" || return
    configure_by_cmake -DUSE_HTTPS=Schannel -DUSE_SSH=OFF -DUSE_NTLMCLIENT=OFF -DREGEX_BACKEND=pcre2 -DUSE_HTTP_PARSER=http-parser \
        -DHTTP_PARSER_LIBRARY="$work/installed/lib/libhttp_parser.a" -DBUILD_TESTS=OFF -DBUILD_CLI=OFF -DBUILD_EXAMPLES=ON \
        -DCMAKE_C_FLAGS="-DPCRE2_STATIC -I$work/installed/include" -DCMAKE_EXE_LINKER_FLAGS=-static
}

make_nghttp2() { make -C lib -j"$jobs" && make -C lib install; }
make_curl() { make -C lib -j"$jobs" && make -C src -j"$jobs" LDFLAGS="-all-static" && cp src/curl.exe "$out/"; }
make_aria2() { make -j"$jobs" && "$host-strip" -o "$out/aria2c.exe" src/aria2c.exe; }
make_zlib() { library z zlib.h zconf.h; }
make_http_parser() { library http_parser http_parser.h; }
make_pcre2() { cmake --build build -j"$jobs" --target install; }
make_libgit2() { cmake --build build -j"$jobs" --target lg2 && "$host-strip" -o "$out/lg2.exe" build/examples/lg2.exe; }

library() { # name header...: of the sources that lie here
    for file in *.c; do
        case $file in test.c | bench.c) continue ;; esac
        "$host-gcc" -O2 -c "$file" || return
    done
    "$host-ar" rcs "$work/installed/lib/lib$1.a" ./*.o || return
    shift
    cp "$@" "$work/installed/include/"
}

build() { # package
    echo "  BUILD   $arch $1"
    step "$1-unpack" unpack "$1"
    function=$(echo "$1" | tr - _)
    (cd "$work/$1" && step "$1-configure" "configure_$function" && step "$1-make" "make_$function")
}

program() { # exe package...
    exe=$1
    shift
    [ -z "$only" ] || [ "$only" = "$exe" ] || return 0
    if [ -f "$out/$exe.exe" ] && [ "$(cat "$out/.$exe" 2>/dev/null)" = "$(inputs "$@")" ]; then return; fi
    for package in "$@"; do build "$package"; done
    inputs "$@" >"$out/.$exe"
    for package in "$@"; do rm -rf "${work:?}/$package"; done
}

program curl nghttp2 curl
program aria2c aria2
program lg2 zlib http-parser pcre2 libgit2
