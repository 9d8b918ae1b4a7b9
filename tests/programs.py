#!/usr/bin/env python3
"""Runs programs nobody here wrote, with our DLL in the prefix, against servers on loopback.

    tests/programs.py [--only NAME] [--wine 8|10] [--arch x86_64|i686]

curl, aria2 and libgit2's example lg2 are built by deps/programs.sh; WinHTTP and WinINet are Wine's own, under Wine's cscript. curl asks with SCHANNEL_CRED on
an old Windows and with SCH_CREDENTIALS, and so for TLS 1.3, on Windows 11, so it is run as both: a copy of the program for each, whose name
the registry gives the version. Prints a line for each thing a program was seen to do, and at the end "N passed, N failed, N skipped".
"""

import argparse
import functools
import hashlib
import http.server
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pki
import run

# Prefixes and certificates of our own, beside those of `make check`.
run.WORK = run.BUILD / "programs"
run.PKI = run.WORK / "pki"
WORK, PKI = run.WORK, run.PKI
OUT = WORK / "out"

WINDOWS = ("7", "11")  # what curl takes the prefix for


def verdict(good, wine, arch, what, output=""):
    name = f"Wine {wine.version} {arch}: {what}"
    if good:
        print(f"  PASS  {name}", flush=True)
    run.report("PASS" if good else "FAIL", name, output[-1500:])


# --- peers --------------------------------------------------------------------------------------------------------

BOTH = "TLSv1.2 TLSv1.3"

# What nginx serves: name, certificate, protocols, what else is set.
SITES = (
    ("GOOD", "crl-good", BOTH, ""),
    ("NO_LIST", "rsa", BOTH, ""),
    ("LIST_OFFLINE", "crl-offline", BOTH, ""),
    ("REVOKED", "crl-revoked", BOTH, ""),
    ("EXPIRED", "expired", BOTH, ""),
    ("UNTRUSTED", "untrusted", BOTH, ""),
    ("SELFSIGNED", "selfsigned", BOTH, ""),
    ("WRONG_NAME", "wildcard", BOTH, ""),
    ("CLIENT_USE", "clientuse", BOTH, ""),
    ("TLS10", "crl-good", "TLSv1", "ssl_ciphers ALL:@SECLEVEL=0;"),
    ("TLS11", "crl-good", "TLSv1.1", "ssl_ciphers ALL:@SECLEVEL=0;"),
    ("TLS12", "crl-good", "TLSv1.2", ""),
    ("TLS13", "crl-good", "TLSv1.3", ""),
    ("HTTP2", "crl-good", BOTH, "http2"),
    ("ASKS", "crl-good", BOTH, f"ssl_client_certificate {PKI}/clients.pem; ssl_verify_client optional; ssl_verify_depth 3;"),
)


def sites():
    """nginx with a server for each of SITES. /who says what was negotiated, /git/ is git's, everything else is a file of build/programs/www."""
    www = WORK / "www"
    www.mkdir(exist_ok=True)
    (www / "index.html").write_text("It works.\n")
    (www / "some").write_bytes(SOME)
    servers = ""
    for name, cert, protocols, more in SITES:
        port = run.ports[name] = run.free_port()
        listen = "ssl http2" if more == "http2" else "ssl"
        servers += f"""
    server {{
        listen 127.0.0.1:{port} {listen}; root {www};
        ssl_protocols {protocols}; ssl_certificate {PKI}/{cert}-chain.pem; ssl_certificate_key {PKI}/{cert}.key;
        {more if more != "http2" else ""}
        location = /who {{ return 200 "$ssl_protocol $ssl_cipher reused=$ssl_session_reused $server_protocol $ssl_client_verify $ssl_client_s_dn\\n"; }}
        location /git/ {{ proxy_pass http://127.0.0.1:{run.ports["GIT"]}; client_max_body_size 0; }}
    }}"""
    conf = WORK / "nginx.conf"
    conf.write_text(f"""
daemon off; pid {WORK}/nginx.pid; error_log {WORK}/nginx.err; worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; types {{ text/html html; }} default_type text/plain;
    client_body_temp_path {WORK}/nginx-tmp; proxy_temp_path {WORK}/nginx-tmp; fastcgi_temp_path {WORK}/nginx-tmp;
    uwsgi_temp_path {WORK}/nginx-tmp; scgi_temp_path {WORK}/nginx-tmp;{servers}
}}
""")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    run.start([nginx, "-c", str(conf), "-p", str(WORK), "-e", str(WORK / "nginx.err")])


SOME = bytes(range(256)) * 500


class Taker(http.server.BaseHTTPRequestHandler):
    """Takes what is PUT, and keeps its SHA-256 by path."""

    protocol_version = "HTTP/1.1"
    sums = {}

    def do_PUT(self):
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while left and (data := self.rfile.read(min(left, 1 << 16))):
            digest.update(data)
            left -= len(data)
        Taker.sums[self.path] = digest.hexdigest() + " " + self.connection.version()
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def taking_server(name):
    """Python's HTTP server over OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "crl-good-chain.pem", PKI / "crl-good.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    run.ports[name] = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Git(http.server.BaseHTTPRequestHandler):
    """git's protocol over HTTP, for what lies in build/programs/git; nginx stands in front of it, with TLS."""

    protocol_version = "HTTP/1.1"

    def service(self, name, options, request):
        folder = WORK / "git" / self.path.split("/")[2]
        done = subprocess.run(["git", name[len("git-"):], "--stateless-rpc", *options, folder], input=request, stdout=subprocess.PIPE, env=GIT_SETTINGS)
        return done.stdout

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-{kind}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.partition("?service=")[2]
        first = f"# service={name}\n".encode()
        self.answer(f"{name}-advertisement", b"%04x%s0000" % (len(first) + 4, first) + self.service(name, ["--advertise-refs"], b""))

    def do_POST(self):
        name = self.path.rpartition("/")[2]
        self.answer(f"{name}-result", self.service(name, [], self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_):
        pass


GIT_SETTINGS = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **{f"GIT_{who}_{what}": "someone@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}


def git(folder, *args):
    return subprocess.run(["git", "-C", folder, *args], stdout=subprocess.PIPE, check=True, env=GIT_SETTINGS).stdout.decode().strip()


def git_server():
    """A repository of 5 MB that does not shrink, and a server of it without TLS."""
    shutil.rmtree(WORK / "git", ignore_errors=True)
    work = WORK / "git/work"
    work.mkdir(parents=True)
    git(work, "init", "-q", "-b", "master")
    (work / "some").write_bytes(os.urandom(5_000_000))
    git(work, "add", "some")
    git(work, "commit", "-q", "-m", "Some bytes")
    git(WORK, "clone", "-q", "--bare", work, WORK / "git/some.git")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git)
    run.ports["GIT"] = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()


def url(site, path="/who"):
    return f"https://localhost:{run.ports[site]}{path}"


# --- curl ---------------------------------------------------------------------------------------------------------

programs = []


def program(function):
    programs.append(function)
    return function


def for_each_windows(function):
    """A check of curl: called for each architecture and each version of Windows curl is told."""
    def each(wine):
        for arch in wine.arches:
            for windows in WINDOWS:
                function(functools.partial(curl, wine, arch, windows), functools.partial(curl_verdict, wine, arch, windows), windows == "11")

    each.__name__ = function.__name__
    return program(each)


def curl(wine, arch, windows, *args, timeout=120):
    return wine.run("wine", WORK / arch / f"curl-{windows}.exe", "-sS", *args, timeout=timeout)


def curl_verdict(wine, arch, windows, good, what, output):
    verdict(good, wine, arch, f"curl on Windows {windows}: {what}", output)


@for_each_windows
def curl_fetches(curl, verdict, modern):
    """One GET without any option, and with the server's versions what they are."""
    newest = "TLSv1.3" if modern else "TLSv1.2"
    for site, expected in (("GOOD", newest), ("TLS12", "TLSv1.2")):
        code, output = curl(url(site))
        verdict(code == 0 and output.startswith(expected + " "), f"a page {'' if site == 'GOOD' else 'of an older server '}over {expected}", f"{code} {output}")


# Exit codes of curl: 35 the handshake failed, 58 the client's certificate is of no use, 60 the server's was refused.
@for_each_windows
def curl_refuses_what_is_bad(curl, verdict, modern):
    """Each with its twin: --insecure takes all of them."""
    code, output = curl("--ssl-no-revoke", url("NO_LIST"))
    verdict(code == 0, "a good certificate is taken", f"{code} {output}")
    for site, status in (("EXPIRED", "SEC_E_CERT_EXPIRED (0x80090328)"), ("UNTRUSTED", "SEC_E_UNTRUSTED_ROOT (0x80090325)"),
                         ("SELFSIGNED", "SEC_E_UNTRUSTED_ROOT (0x80090325)"), ("WRONG_NAME", "SEC_E_WRONG_PRINCIPAL (0x80090322)"),
                         ("CLIENT_USE", "SEC_E_CERT_WRONG_USAGE (0x80090349)")):
        code, output = curl("--ssl-no-revoke", url(site))
        verdict(code in (35, 60) and status in output, f"{site.lower().replace('_', ' ')}: {status}", f"{code} {output}")
        code, output = curl("-k", url(site))
        verdict(code == 0 and output.startswith("TLSv1."), f"{site.lower().replace('_', ' ')}: taken with -k", f"{code} {output}")


@for_each_windows
def curl_asks_for_revocation(curl, verdict, modern):
    """By default, as on Windows: what nobody can say anything about is refused."""
    no_check, offline, revoked = "CRYPT_E_NO_REVOCATION_CHECK (0x80092012)", "CRYPT_E_REVOCATION_OFFLINE (0x80092013)", "CRYPT_E_REVOKED (0x80092010)"
    for site, options, status in (("NO_LIST", [], no_check), ("NO_LIST", ["--ssl-no-revoke"], None), ("NO_LIST", ["--ssl-revoke-best-effort"], None),
                                  ("LIST_OFFLINE", [], offline), ("LIST_OFFLINE", ["--ssl-revoke-best-effort"], None),
                                  ("REVOKED", [], revoked), ("REVOKED", ["--ssl-revoke-best-effort"], revoked), ("REVOKED", ["--ssl-no-revoke"], None)):
        code, output = curl(*options, url(site))
        good = code in (35, 60) and status in output if status else code == 0 and output.startswith("TLSv1.")
        verdict(good, f"{' '.join([site.lower().replace('_', ' '), *options])}: {status or 'taken'}", f"{code} {output}")


@for_each_windows
def curl_has_an_authority_named(curl, verdict, modern):
    """--cacert: curl validates by itself, and trusts these alone."""
    for ca, site, taken in (("other-root", "UNTRUSTED", True), ("root", "UNTRUSTED", False), ("root", "NO_LIST", True), ("other-root", "NO_LIST", False)):
        code, output = curl("--ssl-no-revoke", "--cacert", f"pki/{ca}.pem", url(site))
        good = code == 0 and output.startswith("TLSv1.") if taken else code == 60
        verdict(good, f"--cacert {ca}.pem, {site.lower().replace('_', ' ')}: {'taken' if taken else 'refused'}", f"{code} {output}")


@for_each_windows
def curl_negotiates_versions(curl, verdict, modern):
    """What it is told to use is used, and nothing else; an old server has nothing in common with it otherwise.

    SCHANNEL_CRED says what is on, and so also what is off by default; SCH_CREDENTIALS says only what is off.
    """
    no_version = "SEC_E_UNSUPPORTED_FUNCTION (0x80090302)"
    rows = [("TLS10", ["--tlsv1.2"], no_version), ("TLS11", ["--tlsv1.2"], no_version), ("GOOD", ["--tlsv1.2", "--tls-max", "1.2"], "TLSv1.2"),
            ("TLS13", ["--tls-max", "1.2"], no_version), ("TLS10", ["--tlsv1.0"], no_version if modern else "TLSv1"), ("TLS11", ["--tlsv1.1"], no_version if modern else "TLSv1.1")]
    if modern:
        rows += [("GOOD", ["--tlsv1.3"], "TLSv1.3"), ("TLS13", [], "TLSv1.3"), ("TLS12", ["--tlsv1.3"], no_version)]
    else:
        # curl's own: it finds no version between 1.3 and an old Windows' 1.2, names none, and gets those by default.
        rows += [("TLS11", ["--tlsv1.0", "--tls-max", "1.1"], "TLSv1.1"), ("GOOD", ["--tlsv1.3"], "TLSv1.2"), ("TLS13", [], no_version)]
    for site, options, expected in rows:
        code, output = curl(*options, url(site))
        good = code == 0 and output.startswith(expected + " ") if expected.startswith("TLSv") else code == 35 and expected in output
        verdict(good, f"{' '.join([site, *options])}: {expected}", f"{code} {output}")


@for_each_windows
def curl_chooses_ciphers(curl, verdict, modern):
    """--ciphers are algorithms of CryptoAPI, for which curl takes the older structure: TLS 1.2 on any Windows."""
    for algorithms, expected in (("CALG_AES_128", "AES128"), ("CALG_AES_256", "AES256")):
        code, output = curl("--ciphers", algorithms, url("GOOD"))
        verdict(code == 0 and output.startswith("TLSv1.2 ") and expected in output, f"--ciphers {algorithms}", f"{code} {output}")
    code, output = curl("--ciphers", "CALG_RC4", url("GOOD"))
    verdict(code == 35, "--ciphers CALG_RC4 has nothing in common with the server", f"{code} {output}")


@for_each_windows
def curl_resumes(curl, verdict, modern):
    """The second URL, over a connection of its own."""
    code, output = curl("-H", "Connection: close", url("GOOD"), url("GOOD"))
    lines = output.splitlines()
    verdict(code == 0 and len(lines) == 2 and "reused=." in lines[0] and "reused=r" in lines[1], "the second connection is resumed", f"{code} {output}")


@for_each_windows
def curl_speaks_http2(curl, verdict, modern):
    """By ALPN, which curl uses in any Wine from 6.0."""
    for options, version in (([], "2.0"), (["--http1.1"], "1.1"), (["--no-alpn"], "1.1")):
        code, output = curl(*options, url("HTTP2"))
        verdict(code == 0 and f" HTTP/{version} " in output, f"{' '.join(options) or 'by itself'} HTTP/{version}", f"{code} {output}")


def sha1_of(name):
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert((PKI / f"{name}.pem").read_text())).hexdigest().upper()


@for_each_windows
def curl_has_a_certificate(curl, verdict, modern):
    """Of the user's store."""
    newest = "TLSv1.3" if modern else "TLSv1.2"
    code, output = curl("--cert", rf"CurrentUser\MY\{sha1_of('client')}", url("ASKS"))
    verdict(code == 0 and output.startswith(newest) and "SUCCESS CN=client" in output, f"a certificate of the store over {newest}", f"{code} {output}")
    code, output = curl(url("ASKS"))
    verdict(code == 0 and output.startswith(newest) and "NONE" in output, "without --cert the server gets none", f"{code} {output}")


@for_each_windows
def curl_has_a_certificate_in_a_file(curl, verdict, modern):
    """What Wine makes of it: crypt32 finds no key in the file, or, where curl does not ask for one, there are no signatures with it."""
    code, output = curl("--cert", "pki/client.pfx:secret", "--cert-type", "P12", url("ASKS"))
    if modern:
        verdict(code == 58 and "0x80092004" in output, "a PFX: Wine's crypt32 does not find by CERT_FIND_HAS_PRIVATE_KEY", f"{code} {output}")
    else:
        verdict(code == 0 and "NONE" in output, "a PFX: Wine's provider does not sign with its key, and none is sent", f"{code} {output}")


def sha256(path):
    digest = hashlib.sha256()
    if path.exists():
        with open(path, "rb") as data:
            while chunk := data.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


@for_each_windows
def curl_puts(curl, verdict, modern):
    """40 MB and a bit to Python's server, which sees the same SHA-256, over the newest version."""
    file = OUT / "put"
    file.write_bytes(os.urandom(40_000_007))
    Taker.sums.clear()
    code, output = curl("-T", "out/put", url("TAKER", "/put"))
    seen = Taker.sums.get("/put", "nothing")
    verdict(code == 0 and seen == sha256(file) + (" TLSv1.3" if modern else " TLSv1.2"), "a PUT arrives whole", f"{code} {output} {seen}")
    file.unlink()


@for_each_windows
def curl_transfers_in_parallel(curl, verdict, modern):
    shutil.rmtree(OUT / "many", ignore_errors=True)
    (OUT / "many").mkdir()
    code, output = curl("--parallel", "--parallel-immediate", "--parallel-max", "100", "-o", "out/many/#1", url("GOOD", "/some?[1-100]"), timeout=300)
    whole = sum(file.read_bytes() == SOME for file in (OUT / "many").iterdir())
    verdict(code == 0 and whole == 100, "100 transfers at once", f"{code} {whole} of 100 are whole {output}")


@for_each_windows
def curl_fetches_a_gibibyte(curl, verdict, modern):
    expected = run.big_file()
    out = OUT / "big"
    code, output = curl("-o", "out/big", url("GOOD", "/big"), timeout=300)
    verdict(code == 0 and sha256(out) == expected, f"1 GiB over {'TLS 1.3' if modern else 'TLS 1.2'}", f"{code} {output}")
    out.unlink(missing_ok=True)


# --- others -------------------------------------------------------------------------------------------------------


@program
def aria2_fetches_and_refuses(wine):
    """aria2c, whose certificates need no list of revoked ones, and its exit code: 0, or 1 and the status in its log."""
    for arch in wine.arches:
        out = OUT / "aria2"
        for site, status in (("NO_LIST", None), ("EXPIRED", "80090328"), ("UNTRUSTED", "80090325"), ("WRONG_NAME", "80090322"), ("REVOKED", "80092010")):
            out.unlink(missing_ok=True)
            code, output = wine.run("wine", run.BUILD / arch / "programs/aria2c.exe", "--disable-ipv6=true", "--max-tries=1", "--dir=out", "--out=aria2", "--allow-overwrite=true",
                                    url(site, "/some"), timeout=60)
            arrived = out.exists() and out.read_bytes() == SOME
            good = arrived and code == 0 if status is None else not arrived and code != 0 and status in output.lower()
            verdict(good, wine, arch, f"aria2c: {site.lower().replace('_', ' ')}: {status or 'taken'}", f"{code} {output}")


@program
def libgit2_clones_pushes_and_refuses(wine):
    """lg2, which gives Schannel an alert buffer, no flag for extended errors, and a bit for TLS 1.3 with SCHANNEL_CRED; and judges
    by the chain that it has crypt32 make of the handle's certificate, lists of revoked ones included."""
    for arch in wine.arches:
        lg2, clone = run.BUILD / arch / "programs/lg2.exe", OUT / "clone"
        for site in "GOOD", "TLS12":
            shutil.rmtree(clone, ignore_errors=True)
            code, output = wine.run("wine", lg2, "clone", url(site, "/git/some.git"), "out/clone", timeout=120)
            same = (clone / "some").exists() and sha256(clone / "some") == sha256(WORK / "git/work/some")
            verdict(code == 0 and same, wine, arch, f"lg2: a clone, {site}", f"{code} {output}")
        # It has words for one doubt at a time; of several it says crypt32's number, CERT_TRUST_...
        # Wine's crypt32 knows no addresses in certificates, so 127.0.0.1 is another name.
        for site, trust, said in (("EXPIRED", 0x1, None), ("UNTRUSTED", 0x10000, None), ("NO_LIST", 0x40, None), ("REVOKED", None, "revoked"), ("GOOD", None, "not valid for this hostname"),
                                  ("TLS13", None, "could not initialize security context")):
            shutil.rmtree(OUT / "refused", ignore_errors=True)
            address = url(site, "/git/some.git")
            code, output = wine.run("wine", lg2, "clone", address.replace("localhost", "127.0.0.1") if site == "GOOD" else address, "out/refused", timeout=60)
            number = re.search(r"certificate lookup failure: (\d+)", output)
            right = said in output if said else number and int(number.group(1)) & trust
            verdict(code != 0 and right and not (OUT / "refused/some").exists(), wine, arch, f"lg2: {said or site.lower().replace('_', ' ')}", f"{code} {output}")
        if not (clone / "some").exists():
            continue
        (clone / "more").write_bytes(os.urandom(3_000_000))
        git(clone, "add", "more")
        git(clone, "commit", "-q", "-m", f"More, from Wine {wine.version} {arch}")
        code, output = wine.run("wine", lg2, "push", cwd=clone, timeout=120)
        verdict(code == 0 and git(WORK / "git/some.git", "rev-parse", "master") == git(clone, "rev-parse", "HEAD"), wine, arch, "lg2: a push arrives", f"{code} {output}")
        code, output = wine.run("wine", lg2, "ls-remote", "origin", cwd=clone)
        verdict(code == 0 and git(clone, "rev-parse", "HEAD") in output, wine, arch, "lg2: ls-remote sees it", f"{code} {output}")


# Wine's own, as a script under its cscript uses them; neither looks at lists of revoked certificates.
SCRIPT = """
var http = new ActiveXObject("%s");
try {
    http.open("GET", WScript.Arguments(0), false);
    http.send();
    WScript.Echo(http.status + " " + http.responseText);
} catch (error) {
    WScript.Echo("refused " + (error.number >>> 0).toString(16));
}
"""

# ERROR_WINHTTP_SECURE_FAILURE and INET_E_INVALID_CERTIFICATE, as HRESULTs.
REFUSED = {"WinHTTP": "80072f7d", "WinINet": "800c0019"}


@program
def winhttp_and_wininet_fetch_and_refuse(wine):
    for arch in wine.arches:
        for name, object_ in (("WinHTTP", "WinHttp.WinHttpRequest.5.1"), ("WinINet", "MSXML2.XMLHTTP.3.0")):
            (OUT / "fetch.js").write_text(SCRIPT % object_)
            for site, taken in (("NO_LIST", True), ("UNTRUSTED", False), ("WRONG_NAME", False)):
                code, output = wine.run("wine", wine.system(arch) / "cscript.exe", "//nologo", "out/fetch.js", url(site), WINEDEBUG="-all,+schannel")
                ours = "trace:schannel:InitializeSecurityContextW" in output
                said = re.search(r"^200 TLSv1\." if taken else f"^refused {REFUSED[name]}$", output, re.M) is not None
                verdict(ours and said, wine, arch, f"{name} under cscript: {site.lower().replace('_', ' ')}: {'taken' if taken else 'refused'}", output)


@program
def import_pfx_keeps_keys_apart_and_says_what_is_wrong(wine):
    """Our own tool, which the certificate of the store came with. A second one does not harm the first."""
    for arch in wine.arches:
        wine.run("wine", run.BUILD / arch / "tools/import-pfx.exe", "pki/member.pfx", "secret")
        code, output = curl(wine, arch, "11", "--cert", rf"CurrentUser\MY\{sha1_of('client')}", url("ASKS"))
        verdict(code == 0 and output.startswith("TLSv1.3 ") and "SUCCESS CN=client" in output, wine, arch, "import-pfx of another leaves the key", f"{code} {output}")
        for file, password, wanted in (("client.pfx", "secret", r"^[0-9A-F]{40}$"), ("client.pfx", "other", "cannot be imported"), ("nothing.pfx", "secret", "cannot be read"),
                                       ("client.pem", "secret", "cannot be imported")):
            code, output = wine.run("wine", run.BUILD / arch / "tools/import-pfx.exe", f"pki/{file}", password)
            verdict(code == (0 if wanted.startswith("^") else 1) and re.search(wanted, output, re.M), wine, arch, f"import-pfx {file} {password}", f"{code} {output}")


# --- all of it ----------------------------------------------------------------------------------------------------


def start_peers():
    (WORK / "peers.log").write_bytes(b"")
    git_server()
    sites()
    taking_server("TAKER")
    run.wait_for_peers()


# Wine 8 knows no "win11" for a program, and takes the prefix's version then.
VERSIONS = r"""REGEDIT4

[HKEY_CURRENT_USER\Software\Wine\AppDefaults\curl-7.exe]
"Version"="win7"

[HKEY_CURRENT_USER\Software\Wine\AppDefaults\curl-11.exe]
"Version"="win11"
"""
VERSION_OF_PREFIX = r"""
[HKEY_LOCAL_MACHINE\Software\Microsoft\Windows NT\CurrentVersion]
"CurrentVersion"="10.0"
"CurrentBuild"="22000"
"CurrentBuildNumber"="22000"
"CSDVersion"=""
"ProductName"="Microsoft Windows 11"
"""


def make_ready(wine):
    """The prefix, and the copies of curl it takes for programs of one Windows or the other."""
    wine.make_prefix()
    for arch in wine.arches:
        (WORK / arch).mkdir(exist_ok=True)
        for windows in WINDOWS:
            shutil.copy(run.BUILD / arch / "programs/curl.exe", WORK / arch / f"curl-{windows}.exe")
        code, output = wine.run("wine", run.BUILD / arch / "tools/import-pfx.exe", "pki/client.pfx", "secret")
        if code:
            raise RuntimeError(f"client.pfx cannot be imported: {output}")
    (OUT / "windows.reg").write_text(VERSIONS + (VERSION_OF_PREFIX if wine.version == "8" else ""))
    wine.run("wine", "regedit", "/S", "out/windows.reg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="those with this in their name")
    parser.add_argument("--wine", choices=("8", "10"), help="only this Wine")
    parser.add_argument("--arch", choices=("x86_64", "i686"), help="only this architecture")
    args = parser.parse_args()

    OUT.mkdir(parents=True, exist_ok=True)
    wines = run.find_wines(args.wine)
    pki.make(PKI, run.file_server(PKI))
    try:
        start_peers()
        for wine in wines:
            if args.arch:
                wine.arches = [arch for arch in wine.arches if arch == args.arch]
            if not wine.arches:
                continue
            try:
                make_ready(wine)
                for function in programs:
                    if not args.only or args.only in function.__name__:
                        function(wine)
            finally:
                wine.close()
    finally:
        run.stop_peers()
    print(f"{run.passed} passed, {run.failed} failed, {run.skipped} skipped")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
