#!/bin/sh
# Brings the locked source tarballs of the named packages into a folder.
#
#   deps/fetch.sh DEST PACKAGE...      e.g. deps/fetch.sh build/deps/tarballs gmp nettle gnutls28
#   deps/fetch.sh --update             rewrite deps/lock from what Debian's suite holds now
#
# Where they come from: the folder $DEPS_TARBALLS if it is set, else Debian's source packages through
# deps/apt.sh (apt checks Debian's signatures). Either way deps/lock has the last word.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
lock=$here/lock
suite=trixie
apt_dir=${APT_DIR:-$here/../build/apt}

locked_version() { awk -v p="$1" '$1 == "source" && $2 == p { print $3 }' "$lock"; }

# "sum file" lines of one package; the version's epoch and revision do not matter, the name's prefix does.
locked_files() { awk -v p="$1_" '$1 == "sha256" && index($3, p) == 1 { print $2 "  " $3 }' "$lock"; }

verified() { (cd "$1" && sha256sum --quiet --check -) >/dev/null 2>&1; }

fetch_from_debian() { # package dest
    version=$(locked_version "$1")
    [ -f "$apt_dir/apt.conf" ] || "$here/apt.sh" "$apt_dir" $suite update
    # The signature file of an upstream tarball may be missing on a mirror, and apt-get then fails after it
    # has brought the rest; what counts is whether the locked files are there.
    (cd "$2" && "$here/apt.sh" "$apt_dir" $suite source --download-only "$1=$version" >fetch.log 2>&1) || :
    locked_files "$1" | verified "$2" && return
    "$here/apt.sh" "$apt_dir" $suite update
    (cd "$2" && "$here/apt.sh" "$apt_dir" $suite source --download-only "$1=$version" >fetch.log 2>&1) || :
}

update_lock() {
    "$here/apt.sh" "$apt_dir" $suite update
    uris=$(mktemp)
    packages=$(awk '$1 == "source" { print $2 }' "$lock")
    {
        sed -n '1,/^$/p' "$lock"
        for package in $packages; do
            "$here/apt.sh" "$apt_dir" $suite --print-uris source --download-only "$package" 2>/dev/null |
                grep "^'" >>"$uris"
            dsc=$(awk -v p="$package" '$2 ~ "^" p "_.*[.]dsc$" { print $2 }' "$uris")
            version=${dsc#"${package}"_}
            version=${version%.dsc}
            full=$("$here/apt.sh" "$apt_dir" $suite versions "$package" | awk -v v="$version" '{ f = $0; sub("^[0-9]+:", ""); if ($0 == v) print f }')
            printf 'source %-12s %s\n' "$package" "$full"
        done
        echo
        # Debian's patches are used of what goes into the DLL only: wine's tarball lends us test sources, winetricks tries our
        # verb, nghttp2 to libgit2 are programs to test with (deps/programs.sh), and BoringSSL's has a test suite.
        awk '$2 ~ /[.]tar[.]/ && $2 !~ /[.]asc$/ && $2 !~ /^(wine|winetricks|nghttp2|curl|aria2|zlib|http-parser|pcre2|libgit2|android-platform-external-boringssl)_.*debian[.]tar/ { sub("SHA256:", "", $4); print "sha256", $4, $2 }' "$uris"
    } >"$lock.new"
    rm -f "$uris"
    mv "$lock.new" "$lock"
}

if [ "$1" = --update ]; then
    update_lock
    exit
fi

dest=$1
shift
mkdir -p "$dest"
for package in "$@"; do
    locked_files "$package" | verified "$dest" && continue
    if [ -n "${DEPS_TARBALLS:-}" ]; then
        locked_files "$package" | while read -r _ file; do cp "$DEPS_TARBALLS/$file" "$dest/"; done
    else
        echo "  FETCH   $package $(locked_version "$package")"
        fetch_from_debian "$package" "$dest"
    fi
    locked_files "$package" | verified "$dest" || {
        echo "$package: the tarballs in $dest are not the ones deps/lock names." >&2
        [ -n "${DEPS_TARBALLS:-}" ] || cat >&2 <<HINT
Debian may have replaced $package $(locked_version "$package") by a newer revision (a security update, as a
rule). 'make deps-update' takes the newer one into deps/lock, signatures checked; look at the diff. Or set
DEPS_TARBALLS to a folder that holds the locked tarballs.
HINT
        exit 1
    }
done
