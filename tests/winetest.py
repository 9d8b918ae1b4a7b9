#!/usr/bin/env python3
"""Runs Wine's own tests of what stands on Schannel against our DLL, and against Wine's own for comparison.

    tests/winetest.py [--only NAME] [--wine 8|10] [--arch x86_64|i686]

Their sources come from Wine's package (deps/lock); `make winetest` builds them. They want test.winehq.org and two more
hosts of the Internet: stand-ins of those are started here, in a network of this process's own, which has nothing but
loopback and an /etc/hosts that leads there. That takes root.

Each program runs twice: with WINETEST_PLATFORM=windows, where no failure is forgiven for running under Wine, and with
=wine, where none is for being an old Windows. What tests Schannel itself has to pass, with nothing skipped. What tests
other things that use it may fail where it fails with Wine's own schannel.dll as well, and nowhere else three times running.

Prints a line for each program, what failed below it, and at the end "N passed, N failed, N skipped".
"""

import argparse
import base64
import copy
import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import pki
import run
from run import BUILD, TOP

WORK = BUILD / "winetest"
PKI = WORK / "pki"
WWW = WORK / "www"

run.WORK, run.PKI = WORK, PKI  # where its classes put their things

# Wine's dlls/ has the source, build/ARCH the program. To pass as it is, with at least so many checks (a stand-in that is not
# found leaves out most of them); 0: to be no worse than with Wine's own.
PROGRAMS = {
    "secur32/schannel": ("winetest/secur32-schannel.exe", 270),
    "schannel/main": ("tests/wine_schannel.exe", 20),
    "secur32/secur32": ("winetest/secur32-secur32.exe", 0),
    "winhttp/winhttp": ("winetest/winhttp-winhttp.exe", 0),
    "winhttp/notification": ("winetest/winhttp-notification.exe", 0),
    "wininet/http": ("winetest/wininet-http.exe", 0),
}

# wininet/http.c skips its security flags with every schannel.dll: WinINet of Wine finds one fault in a certificate where Windows' finds two. With Wine 10.0's source it
# crashes in WinINet of Wine 8.0.
#
# Checks that fail with ours and are shown, but do not count: the program, the platform, what it says in the locked source, and why.
KNOWN = (
    ("secur32/schannel", "wine", "schannel.c:1463: got 80090328", "the server says that the test's certificate expired, which it did in 2022; the test takes that from an old Windows"
     " only, so not as on Wine. Why a newer one says SEC_E_ALGORITHM_MISMATCH instead nobody tells"),
    ("winhttp/winhttp", None, "winhttp.c:6160: failed to send request 2148074263", "Wine's WinHTTP sends the next request on the connection in which it was asked for a"
     " certificate, without the new handshake: EncryptMessage is SEC_E_CONTEXT_EXPIRED then, as Microsoft documents. The test expects the request to fail, one call later"),
)

# --- a network of our own -----------------------------------------------------------------------------------------

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000  # linux/sched.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h

HOSTS = {"test.winehq.org": "127.0.0.1", "ws.ifelse.io": "127.0.0.2", "test.winehq.com": "127.0.0.3"}


def leave_the_network():
    """From here on this process has loopback only, and HOSTS on it; why not, if that cannot be."""
    if os.geteuid():
        return "a network of one's own needs root"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET):
        return f"unshare: {os.strerror(ctypes.get_errno())}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    hosts = WORK / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    roots = ["/", *([BUILD / "trixie"] if (BUILD / "trixie/etc/hosts").exists() else [])]
    for command in (["mount", "--make-rprivate", "/"], *(["mount", "--bind", hosts, f"{root}/etc/hosts"] for root in roots)):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return done.stdout.decode(errors="replace").strip()
    return None


# --- the stand-ins ------------------------------------------------------------------------------------------------


def make_certificates():
    """test.winehq.org's as the tests know it: P-256, signed with SHA-384 by an authority whose subject begins as Let's Encrypt's."""
    shutil.rmtree(PKI, ignore_errors=True)
    PKI.mkdir(parents=True)
    maker = pki.Maker(PKI)
    p384 = "--key-type=ecdsa --curve=secp384r1"
    maker.certificate("root", "Root of the stand-in", ca=True, key=p384, hash_="SHA384")
    maker.certificate("intermediate", "Stand-in", "root", 'country = "US"\norganization = "Let\'s Encrypt"\n', ca=True, key=p384, hash_="SHA384")
    names = "".join(f'dns_name = "{name}"\n' for name in ("test.winehq.org", "ws.ifelse.io", "localhost"))
    maker.certificate("leaf", "test.winehq.org", "intermediate", names + pki.SERVER, key=pki.P256, hash_="SHA384")
    maker.chain("leaf", "intermediate")
    # The tests' own client certificate says it is of this authority, whose key only its owner has.
    (PKI / "clients.conf").write_text("[req]\nstring_mask = default\ndistinguished_name = name\n[name]\n")
    maker.run("openssl", "req", "-config", "clients.conf", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "clients.key", "-out", "clients.pem", "-days", "60",
              "-subj", "/C=US/ST=California/L=Novato/O=2K/OU=Visual Concepts Certificate Authority/CN=VC CA")
    # wininet's test has this subject, and wants a certificate that signed itself.
    maker.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "selfsigned.key", "-out", "selfsigned.pem", "-days", "60", "-subj",
              "/C=US/ST=Minnesota/L=Saint Paul/O=WineHQ/OU=IT/CN=test.winehq.com/emailAddress=webmaster@winehq.org", "-addext", "subjectAltName=DNS:test.winehq.com")


CGI = {
    # With its length: without one, whether the end of the page comes along with its text or after it is left to chance, and
    # http.c's asynchronous read (lines 1193 and 1196) fails in the second case, with any schannel.dll.
    "post.php": """#!/bin/sh
page=$(mktemp) # not a variable: winhttp.c posts a byte 0
{ head -c "$CONTENT_LENGTH"; echo; } | tr '&' '\\n' | sed 's/=/ => /' >"$page"
printf 'Content-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n' "$(wc -c <"$page")"
cat "$page"
rm "$page"
""",
    "chunked": """#!/bin/sh
printf 'Content-Type: text/html\\r\\n\\r\\n<html>one\\n'
sleep 0.3 # or it would be sent with its length
echo 'two</html>'
""",
    "redirecttest.php": """#!/bin/sh
id=0 max=${QUERY_STRING##*max=}
case $QUERY_STRING in id=*) id=${QUERY_STRING#id=} id=${id%%&*} ;; esac
if [ "$id" -lt "$max" ]; then
    printf 'Location: http://test.winehq.org/tests/redirecttest.php?id=%d&max=%d\\r\\n\\r\\n' $((id + 1)) "$max"
else
    printf 'Content-Type: text/plain\\r\\n\\r\\nthe end\\n'
fi
""",
}


def apache_server():
    """test.winehq.org, and test.winehq.com: TLS 1.2 with one suite, HTTP/2, a part for clients with a certificate.

    What the tests ask of it: 0xc02c and tls-server-end-point with SHA-384, "h2" when both are offered (secur32/schannel.c);
    a renegotiation for /tests/clientcert/ that
    names the authority of the test's client certificate and finds that expired, as the real one did (also winhttp.c); a first
    page of more than 2,014 bytes that begins as this one
    does, and 400 for plain HTTP (winhttp.c); /tests/redirect, which leads to /tests/hello.html (notification.c, http.c), whose
    106 bytes http.c counts; pages without a length, as they are and compressed (data.php, chunked and gzip.php of http.c); a
    page that shows what was posted, and one that leads on to itself (post.php and redirecttest.php of winhttp.c and http.c).
    """
    (WWW / "tests/clientcert").mkdir(parents=True, exist_ok=True)
    page = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">\n<html>' + "<p>Not the test.winehq.org of the Internet.</p>\n" * 100 + "</html>\n"
    (WWW / "index.html").write_text(page)
    (WWW / "tests/hello.html").write_text("<html>Hello, from a stand-in.</html>".ljust(105) + "\n")
    for name in "data.php", "gzip.php":
        (WWW / "tests" / name).write_text(page)
    for name, script in CGI.items():
        (WORK / "cgi").mkdir(exist_ok=True)
        (WORK / "cgi" / name).write_text(script)
        (WORK / "cgi" / name).chmod(0o755)
    (WWW / "tests/clientcert/index.html").write_text(page)
    modules = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
                        for m in ("mpm_event", "authn_core", "authz_core", "dir", "mime", "alias", "socache_shmcb", "ssl", "http2", "include", "filter", "deflate",
                                  "cgid", "env"))
    conf = WORK / "apache.conf"
    conf.write_text(f"""
ServerRoot {WORK}
ServerName test.winehq.org
{modules}
Listen 127.0.0.1:80
Listen 127.0.0.1:443
Listen 127.0.0.3:443
PidFile {WORK}/apache.pid
ErrorLog {WORK}/apache.err
TypesConfig /dev/null
AddType text/html html
User www-data
Group www-data
DocumentRoot {WWW}
DirectoryIndex index.html
RedirectMatch ^/tests/redirect$ http://test.winehq.org/tests/hello.html
ScriptAliasMatch ^/tests/(post\.php|redirecttest\.php|chunked)$ {WORK}/cgi/$1
ScriptSock {WORK}/cgi-socket
<Directory {WORK}/cgi>
    Require all granted
    SetEnv ap_trust_cgilike_cl 1
</Directory>
<Location /tests/data.php>
    ForceType text/html
    SetOutputFilter INCLUDES
</Location>
<Location /tests/gzip.php>
    ForceType text/html
    SetOutputFilter INCLUDES;DEFLATE
</Location>
Mutex file:{WORK} default
SSLProtocol TLSv1.2
<Directory {WWW}>
    Options +Includes
    Require all granted
</Directory>
<VirtualHost 127.0.0.1:80>
</VirtualHost>
<VirtualHost 127.0.0.1:443>
    Protocols h2 http/1.1
    SSLEngine on
    SSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384
    SSLCertificateFile {PKI}/leaf-chain.pem
    SSLCertificateKeyFile {PKI}/leaf.key
    SSLCACertificateFile {PKI}/root.pem
    SSLCADNRequestFile {PKI}/clients.pem
    <Location /tests/clientcert>
        SSLVerifyClient optional_no_ca
    </Location>
</VirtualHost>
<VirtualHost 127.0.0.3:443>
    SSLEngine on
    SSLCertificateFile {PKI}/selfsigned.pem
    SSLCertificateKeyFile {PKI}/selfsigned.key
</VirtualHost>
""")
    (WORK / "apache.pid").unlink(missing_ok=True)
    run.start([shutil.which("apache2") or "/usr/sbin/apache2", "-f", str(conf), "-DFOREGROUND"])
    for address in (("127.0.0.1", 80), ("127.0.0.1", 443), ("127.0.0.3", 443)):
        wait_for(address)


def wait_for(address):
    for _ in range(100):
        try:
            socket.create_connection(address, 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody listens at {address}; see {WORK}/apache.err and {WORK}/peers.log")


def websocket_server():
    """ws.ifelse.io: an echo of WebSockets (RFC 6455), which greets; plain and through TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(PKI / "leaf-chain.pem", PKI / "leaf.key")

    def frame(opcode, data):
        size = struct.pack(">B", len(data)) if len(data) < 126 else struct.pack(">BH", 126, len(data)) if len(data) < 65536 else struct.pack(">BQ", 127, len(data))
        return bytes([0x80 | opcode]) + size + data

    def converse(connection):
        stream = connection.makefile("rb")
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return
            request += line
        key = re.search(rb"^Sec-WebSocket-Key:\s*(\S+)", request, re.M | re.I)
        if not key:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            return
        accept = base64.b64encode(hashlib.sha1(key.group(1) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                           + frame(1, b"Request served by a stand-in"))
        kind, message = 0, b""
        while head := stream.read(2):
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
            mask = stream.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream.read(size)))
            opcode = head[0] & 15
            if opcode == 8:
                time.sleep(0.3)  # the tests look whether it has come, and across the Internet it has not
                connection.sendall(frame(8, data))
                return
            if opcode == 9:
                connection.sendall(frame(10, data))
            elif opcode < 3:
                kind, message = opcode or kind, message + data
                if head[0] & 0x80:
                    connection.sendall(frame(kind, message))
                    message = b""

    def serve(raw, secure):
        try:
            raw.settimeout(60)
            with (tls.wrap_socket(raw, server_side=True) if secure else raw) as connection:
                converse(connection)
        except (OSError, IndexError):
            raw.close()

    def accept(listener, secure):
        while True:
            raw, _ = listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(raw, secure), daemon=True).start()

    for port, secure in ((80, False), (443, True)):
        threading.Thread(target=accept, args=(socket.create_server((HOSTS["ws.ifelse.io"], port)), secure), daemon=True).start()


# --- the programs -------------------------------------------------------------------------------------------------


class Outcome:
    """What a program said: by line of its source, what failed, what it skipped, and how many checks it made."""

    def __init__(self, code, output):
        # A todo block that succeeds is no failure here, though the program counts it as one: ours does what Wine's own does not.
        told = re.findall(r"^(\w+\.c:\d+): (?:\d+\.\d+ )?(Test failed|Test marked todo|Tests skipped): ?(.*)$", output, re.M)
        self.failed = {}
        for line, what, text in told:
            if what != "Tests skipped":
                self.failed.setdefault(line, text if what == "Test failed" else f"{text} (todo)")
        self.skipped = [f"{line}: {text}" for line, what, text in told if what == "Tests skipped"]
        counts = re.search(r"(\d+) tests executed", output)
        self.executed = int(counts.group(1)) if counts else 0
        self.ended = "" if counts else f"ended with {code} before its time: {output[-600:]}"


def run_program(wine, program, platform):
    return Outcome(*wine.run("wine", program, cwd=program.parent, timeout=60, WINETEST_PLATFORM=platform))


def all_of(ours):
    return [f"{line}: {text}" for line, text in ours.failed.items()] + [f"skipped, {line}" for line in ours.skipped] + [ours.ended] * bool(ours.ended)


def worse(ours, own):
    """Lines that fail with our DLL and not with Wine's own."""
    lines = [f"{line}: {text}" for line, text in ours.failed.items() if line not in own.failed]
    if ours.ended and not own.ended:
        lines.append(ours.ended)
    return lines + [f"skipped, {line}" for line in ours.skipped if line not in own.skipped]


def compare(wine, plain, arch, name, platform):
    path, fewest = PROGRAMS[name]
    program = BUILD / arch / path
    title = f"Wine {wine.version} {arch} {name}.c as on {platform}"
    ours, own = run_program(wine, program, platform), run_program(plain, program, platform)
    print(f"  TEST    {title}: {ours.executed} checks, {len(ours.skipped)} skipped; fail with ours {len(ours.failed)}, with Wine's own {len(own.failed)}, with both"
          f" {len(ours.failed.keys() & own.failed.keys())}", flush=True)
    if not fewest and ours.ended and own.ended:
        run.report("SKIP", title, "it ends before its time with Wine's own as well")
        return
    bad = all_of(ours) if fewest else worse(ours, own)
    for program_name, where, text, why in KNOWN:
        excused = [line for line in bad if (program_name, where or platform) == (name, platform) and line == text]
        bad = [line for line in bad if line not in excused]
        for line in excused:
            print(f"          {line}: does not count: {why}", flush=True)
    for _ in range(2):
        # The tests of asynchronous requests depend on when bytes come: what counts fails each time with ours, and not with Wine's own.
        if fewest or not bad:
            break
        again = worse(run_program(wine, program, platform), run_program(plain, program, platform))
        for line in set(bad) - set(again):
            print(f"          {line}: not each time, or with Wine's own as well", flush=True)
        bad = [line for line in bad if line in again]
    if not bad and ours.executed < fewest:
        bad = [f"only {ours.executed} checks of at least {fewest}"]
    run.report("FAIL" if bad else "PASS", title, "" if fewest or not bad else "worse than with Wine's own")
    for line in bad[:40]:
        print("          " + line, flush=True)


def without_our_dll(wine):
    """The same Wine with a prefix of its own, in which nothing of ours lies."""
    plain = copy.copy(wine)
    plain.prefix = WORK / f"prefix{wine.version}-plain"
    plain.drop_in = lambda arch: None
    return plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="programs with this in their name, as in " + ", ".join(PROGRAMS))
    parser.add_argument("--wine", choices=("8", "10"), help="only this Wine")
    parser.add_argument("--arch", choices=("x86_64", "i686"), help="only this architecture")
    args = parser.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    wines = run.find_wines(args.wine)  # while there is a network: a root folder may have to be made
    if reason := leave_the_network():
        run.report("SKIP", "Wine's tests", reason)
    else:
        try:
            make_certificates()
            (WORK / "peers.log").write_bytes(b"")
            apache_server()
            websocket_server()
            for wine in wines:
                wine.roots = ("root.pem",)
                wine.arches = [arch for arch in wine.arches if args.arch in (None, arch)]
                if not wine.arches:
                    continue
                plain = without_our_dll(wine)
                for one in (wine, plain):
                    one.close()  # a server of this prefix that is still there would be in the wrong network
                    one.make_prefix()
                for arch in wine.arches:
                    for name in PROGRAMS:
                        for platform in ("windows", "wine") if not args.only or args.only in name else ():
                            compare(wine, plain, arch, name, platform)
                wine.close()
                plain.close()
        finally:
            run.stop_peers()
    print(f"{run.passed} passed, {run.failed} failed, {run.skipped} skipped")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
