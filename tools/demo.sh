#!/bin/sh
# Shows the DLL at work: a new prefix with the DLL in it, a TLS server with a new authority, and two Windows programs.
#
#   tools/demo.sh [BUILD]     BUILD is the build folder (default: build)
#
# Everything happens in BUILD/demo; your own prefixes stay untouched. Ends with one line of success or failure.
set -u

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
demo=$build/demo
server=

# A program under Wine inherits these; with them it might trust, or distrust, for a reason nobody sees.
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE DISPLAY
export WINEPREFIX="$demo/prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"

finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    wineserver -k 2>/dev/null
    printf '\n%s\n' "$1"
    exit "$2"
}
fail() { finish "DEMO FAILED: $1" 1; }
title() { printf '\n=== %s\n' "$1"; }

title "a prefix with schannel.dll in it"
rm -rf "$demo"
mkdir -p "$demo"
cd "$demo" || exit 1
wineboot -i >wineboot.log 2>&1
wineserver -w
[ -d "$WINEPREFIX/drive_c/windows/system32" ] || fail "wineboot made no prefix; see $demo/wineboot.log"
cp "$build/x86_64/schannel.dll" "$WINEPREFIX/drive_c/windows/system32/"
# A 32-bit program can only run where this Wine has a 32-bit side.
[ ! -d "$WINEPREFIX/drive_c/windows/syswow64" ] || cp "$build/i686/schannel.dll" "$WINEPREFIX/drive_c/windows/syswow64/"
echo "$(wine --version), $WINEPREFIX"

title "a certificate authority and a server"
quiet() { "$@" >>openssl.log 2>&1 || fail "$1 $2; see $demo/openssl.log"; }
quiet openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Demo Authority" \
    -addext keyUsage=critical,keyCertSign
quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >server.ext
quiet openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile server.ext
wine "$build/x86_64/tools/trust-ca.exe" ca.pem || fail "the authority cannot be made known to the prefix"
echo "<html>Hello from the other side of TLS.</html>" >hello.html
head -c 268435456 /dev/zero >big.bin
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
openssl s_server -accept "127.0.0.1:$port" -cert server.pem -key server.key -cert_chain ca.pem -WWW -quiet \
    -alpn h2,http/1.1 >server.log 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    openssl s_client -connect "127.0.0.1:$port" </dev/null >/dev/null 2>&1 && break
    sleep 0.2
done
kill -0 "$server" 2>/dev/null || fail "the server does not run; see $demo/server.log"
echo "https://localhost:$port/, OpenSSL $(openssl version | cut -d' ' -f2)"

client() { wine "$build/x86_64/tools/sspi-client.exe" "$@" || fail "sspi-client $*"; }

title "sspi-client.exe, the way a modern program asks (SCH_CREDENTIALS)"
client --alpn h2,http/1.1 "https://localhost:$port/big.bin"
title "sspi-client.exe, the way older programs ask (SCHANNEL_CRED)"
client --legacy "https://localhost:$port/big.bin"

title "sspi-client.exe and a certificate for another name: has to be refused"
if wine "$build/x86_64/tools/sspi-client.exe" --name example.org "https://localhost:$port/hello.html"; then
    fail "a certificate for another name was accepted"
fi

title "Windows' own WinHTTP, from a script (cscript, WinHttp.WinHttpRequest.5.1)"
cat >winhttp.js <<'SCRIPT'
var http = new ActiveXObject("WinHttp.WinHttpRequest.5.1");
http.Open("GET", WScript.Arguments(0), false);
http.Send();
WScript.Echo(http.Status + " " + http.ResponseText);
SCRIPT
answer=$(WINEDEBUG=-all,+schannel wine cscript //nologo winhttp.js "https://localhost:$port/hello.html" 2>winhttp.log | tr -d '\r')
echo "$answer"
printf 'calls that WinHTTP made to this schannel.dll: '
grep -c 'trace:schannel' winhttp.log
case $answer in
"200 "*"other side of TLS"*) ;;
*) fail "WinHTTP got no answer; see $demo/winhttp.log" ;;
esac
grep -q 'trace:schannel:DecryptMessage' winhttp.log || fail "WinHTTP did not use this schannel.dll"

finish "DEMO PASSED: two Windows programs spoke TLS through $build/x86_64/schannel.dll" 0
