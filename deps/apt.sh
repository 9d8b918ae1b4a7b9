#!/bin/sh
# A private apt for sources and suites that the machine itself does not use.
#
#   deps/apt.sh DIR SUITE update       set up (or refresh) a private apt configuration in DIR
#   deps/apt.sh DIR SUITE site         print the Debian mirror this machine uses
#   deps/apt.sh DIR SUITE versions PKG print the versions of a source package, epochs included
#   deps/apt.sh DIR SUITE COMMAND...   run apt-get with that configuration
#
# The mirror is the one the machine's own apt already uses, read from its configuration and written nowhere
# but into DIR. Debian's archive keys are checked by apt as always; the machine's own lists stay untouched.
set -eu

dir=$1 suite=$2
shift 2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

debian_site() {
    # The suites a machine names differ; what identifies Debian's main archive is a release file signed as
    # Debian's that is no security archive.
    # shellcheck disable=SC2016 # the placeholders are apt's
    apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 'Identifier: Packages' |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

if [ "$1" = site ]; then
    debian_site
    exit
fi

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
conf=$dir/apt.conf

if [ "$1" = update ]; then
    site=$(debian_site)
    [ -n "$site" ] || { apt-get update >/dev/null; site=$(debian_site); }
    [ -n "$site" ] || { echo "apt knows no Debian mirror on this machine" >&2; exit 1; }
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    cat >"$conf" <<CONF
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
CONF
    echo "deb-src [signed-by=$keyring] $site $suite main contrib" >"$dir/sources.list"
    # The security archive is a sibling of the main one; a suite without one (sid) is fine too.
    echo "deb-src [signed-by=$keyring] $site-security $suite-security main contrib" >>"$dir/sources.list"
    if ! apt-get -q -c "$conf" update >"$dir/update.log" 2>&1; then
        sed -i '/-security/d' "$dir/sources.list"
        apt-get -q -c "$conf" update >"$dir/update.log" 2>&1 || { cat "$dir/update.log" >&2; exit 1; }
    fi
    exit
fi

if [ "$1" = versions ]; then
    apt-cache -c "$conf" showsrc --only-source "$2" | sed -n 's/^Version: //p' | sort -u
    exit
fi

exec apt-get -q -c "$conf" "$@"
