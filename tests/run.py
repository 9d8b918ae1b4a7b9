#!/usr/bin/env python3
"""Runs the tests: every test program in every Wine there is, against servers on loopback.

    tests/run.py [--only NAME] [--wine 8|10] [--arch x86_64|i686]
    tests/run.py --fuzz INPUTS          only random calls through the door (tests/fuzz)
    tests/run.py --faults STRIDE        only calls that fail on order (tests/faults)
    tests/run.py --soak FRACTION        only threads, handshakes and data for long (tests/sspi_threads.c)
    tests/run.py --serve                only starts the servers and prints the environment a test wants

Prints a line for each test that did not pass, a count for each program, and at the end
"N passed, N failed, N skipped". What a program can test by itself is in its C file; what needs a look from outside
(the wire, the prefix, the file) is here, in the functions marked @check.
"""

import argparse
import base64
import functools
import hashlib
import http.server
import importlib
import os
import random
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path

import pki

warnings.simplefilter("ignore", DeprecationWarning)  # ssl's, about TLS 1.0: it is meant

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
WORK = BUILD / "check"
PKI = WORK / "pki"

passed = failed = skipped = 0


def report(verdict, name, detail=""):
    """One test's verdict. Passes are counted, the rest is shown."""
    global passed, failed, skipped
    if verdict == "PASS":
        passed += 1
        return
    if verdict == "FAIL":
        failed += 1
    else:
        skipped += 1
    print(f"  {verdict}  {name}" + (f": {detail}" if detail else ""), flush=True)


# --- peers --------------------------------------------------------------------------------------------------------

peers = []
ports = {}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command, **kwargs):
    log = open(WORK / "peers.log", "ab")
    process = subprocess.Popen(command, cwd=PKI, stdin=subprocess.PIPE, stdout=log, stderr=log, **kwargs)
    peers.append(process)
    return process


def openssl_server(name, *options, cert="rsa", both=False):
    """An `openssl s_server -www`. Each accepts one connection after the other."""
    ports[name] = port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-cert", f"{cert}.pem", "-key", f"{cert}.key"]
    if (PKI / f"{cert}-rest.pem").stat().st_size:
        command += ["-cert_chain", f"{cert}-rest.pem"]
    if both:
        command += ["-dcert", "ecdsa.pem", "-dkey", "ecdsa.key", "-dcert_chain", "ecdsa-rest.pem"]
    start(command + list(options))


def gnutls_server(name, priority):
    """A `gnutls-serv --echo`: says back each line it is told."""
    ports[name] = port = free_port()
    start(["gnutls-serv", "--echo", "--quiet", "--port", str(port), "--x509certfile", "rsa-chain.pem", "--x509keyfile", "rsa.key",
           "--x509certfile", "ecdsa-chain.pem", "--x509keyfile", "ecdsa.key", "--priority", priority])


def echo_server(name, newest, oldest, ciphers=None):
    """OpenSSL by way of Python: says back every byte, and answers close_notify with close_notify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0" if oldest < ssl.TLSVersion.TLSv1_2 else ciphers or "DEFAULT")
    context.minimum_version, context.maximum_version = oldest, newest
    context.load_cert_chain(PKI / "rsa-chain.pem", PKI / "rsa.key")
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ports[name] = listener.getsockname()[1]

    def echo(raw):
        try:
            raw.settimeout(60)
            with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as tls:
                while data := tls.recv(16384):
                    tls.sendall(data)
                tls.unwrap()
        except OSError:
            raw.close()

    def accept():
        while True:
            raw, _ = listener.accept()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=echo, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def late_asking_server(name):
    """OpenSSL by way of Python: asks for a certificate after the first data (TLS 1.3), says "who?", and then who it was."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(PKI / "rsa-chain.pem", PKI / "rsa.key")
    context.load_verify_locations(PKI / "clients.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.post_handshake_auth = True
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ports[name] = listener.getsockname()[1]

    def serve_one(raw):
        try:
            raw.settimeout(20)
            with context.wrap_socket(raw, server_side=True) as tls:
                tls.recv(4096)
                tls.verify_client_post_handshake()
                tls.sendall(b"who?")
                tls.recv(4096)
                subject = (tls.getpeercert() or {}).get("subject", ((("", "nobody"),),))
                tls.sendall(subject[-1][0][1].encode())
                tls.unwrap()
        except (OSError, ValueError):
            raw.close()

    def accept():
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=serve_one, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def renegotiating_server(name):
    """An `openssl s_server` of TLS 1.2 that renegotiates, and asks for a certificate, when the client says "again"."""
    ports[name] = port = free_port()
    process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2", "-cert", "rsa.pem", "-key", "rsa.key", "-cert_chain", "rsa-rest.pem",
                                "-CAfile", "clients.pem"], cwd=PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peers.append(process)

    def drive():
        for line in process.stdout:
            if b"again" in line:
                os.write(process.stdin.fileno(), b"R\n")
                time.sleep(0.3)
                os.write(process.stdin.fileno(), b"here you are\n")

    threading.Thread(target=drive, daemon=True).start()


def exporting_server(name, label, size, *options):
    """An `openssl s_server` that tells each client, in a line, the keying material it exports for a label."""
    ports[name] = port = free_port()
    process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "rsa.pem", "-key", "rsa.key", "-cert_chain", "rsa-rest.pem",
                                "-keymatexport", label, "-keymatexportlen", str(size), *options], cwd=PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peers.append(process)

    def tell():
        for line in process.stdout:
            if found := re.search(rb"Keying material: ([0-9A-F]+)", line):
                os.write(process.stdin.fileno(), b"> " + found.group(1) + b"\n")  # what begins with a letter may be a command

    threading.Thread(target=tell, daemon=True).start()


def file_server(folder):
    """Plain HTTP for revocation lists; its port, which the certificates name."""
    handler = functools.partial(QuietFiles, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def nginx_server(name):
    """nginx, which serves build/check/www; and at NAME_ASKS says which client certificate it was given."""
    ports[name] = port = free_port()
    ports[name + "_ASKS"] = asks_port = free_port()
    (PKI / "asked.pem").write_text((PKI / "clients.pem").read_text() + (PKI / "members.pem").read_text())
    www = WORK / "www"
    www.mkdir(exist_ok=True)
    (www / "index.html").write_text("<html>It works, through TLS.</html>\n")
    conf = WORK / "nginx.conf"
    conf.write_text(f"""
daemon off; pid {WORK}/nginx.pid; error_log {WORK}/nginx.err; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; types {{ text/html html; }}
    client_body_temp_path {WORK}/nginx-tmp; proxy_temp_path {WORK}/nginx-tmp; fastcgi_temp_path {WORK}/nginx-tmp;
    uwsgi_temp_path {WORK}/nginx-tmp; scgi_temp_path {WORK}/nginx-tmp;
    server {{
        listen 127.0.0.1:{port} ssl; root {www};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {PKI}/rsa-chain.pem; ssl_certificate_key {PKI}/rsa.key;
        ssl_certificate {PKI}/ecdsa-chain.pem; ssl_certificate_key {PKI}/ecdsa.key;
    }}
    server {{
        listen 127.0.0.1:{asks_port} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {PKI}/rsa-chain.pem; ssl_certificate_key {PKI}/rsa.key;
        ssl_client_certificate {PKI}/asked.pem; ssl_verify_client optional; ssl_verify_depth 3;
        location / {{ return 200 "$ssl_protocol $ssl_client_verify $ssl_client_s_dn\\n"; }}
    }}
}}
""")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    start([nginx, "-c", str(conf), "-p", str(WORK), "-e", str(WORK / "nginx.err")])


def apache_server(name):
    """Apache, whose /private/ is for clients with a certificate."""
    ports[name] = port = free_port()
    www = WORK / "www"
    (www / "private").mkdir(parents=True, exist_ok=True)
    (www / "index.html").write_text("<html>It works, through TLS.</html>\n")
    (www / "private/index.html").write_text("<html>For those we know.</html>\n")
    modules = Path("/usr/lib/apache2/modules")
    wanted = ("mpm_event", "unixd", "authn_core", "authz_core", "dir", "mime", "socache_shmcb", "ssl")
    loads = "\n".join(f"LoadModule {m}_module {modules}/mod_{m}.so" for m in wanted if (modules / f"mod_{m}.so").exists())
    conf = WORK / "apache.conf"
    conf.write_text(f"""
ServerRoot {WORK}
ServerName localhost
{loads}
Listen 127.0.0.1:{port}
PidFile {WORK}/apache.pid
ErrorLog {WORK}/apache.err
TypesConfig /dev/null
User www-data
Group www-data
DocumentRoot {www}
DirectoryIndex index.html
Mutex file:{WORK} default
<Directory {www}>
    Require all granted
</Directory>
<VirtualHost 127.0.0.1:{port}>
    SSLEngine on
    SSLCertificateFile {PKI}/rsa-chain.pem
    SSLCertificateKeyFile {PKI}/rsa.key
    SSLCACertificateFile {PKI}/clients.pem
    <Location /private>
        SSLVerifyClient require
        SSLVerifyDepth 3
    </Location>
</VirtualHost>
""")
    (WORK / "apache.pid").unlink(missing_ok=True)
    start([shutil.which("apache2") or "/usr/sbin/apache2", "-f", str(conf), "-DFOREGROUND"])


def wait_for_port(port):
    """Whether somebody listens there, at last."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def wait_for_peers():
    for name, port in ports.items():
        if not wait_for_port(port):
            report("FAIL", f"peer {name}", f"nobody listens; see {WORK}/peers.log")


# Oakley group 2 (RFC 2409, 6.2): OpenSSL takes no smaller one. The generator is 2.
DH1024 = ("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
          "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")


def dh_parameters(path, prime):
    """DHParameter of PKCS #3 with the generator 2."""
    part = lambda tag, body: bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])) + body
    der = part(0x30, part(2, b"\0" + bytes.fromhex(prime)) + part(2, b"\x02"))
    path.write_text("-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(der).decode() + "-----END DH PARAMETERS-----\n")


PSK = "0102030405060708090a0b0c0d0e0f10"  # of "somebody"


def start_peers():
    (WORK / "peers.log").write_bytes(b"")
    old = "ALL:@SECLEVEL=0"
    openssl_server("PEER_OPENSSL")
    openssl_server("PEER_OPENSSL_ECDSA", cert="ecdsa")
    openssl_server("PEER_OPENSSL_TLS10", "-tls1", "-cipher", old)
    openssl_server("PEER_OPENSSL_TLS11", "-tls1_1", "-cipher", old)
    openssl_server("PEER_OPENSSL_TLS12", "-tls1_2")
    openssl_server("PEER_OPENSSL_TLS13", "-tls1_3")
    openssl_server("PEER_OPENSSL_IDS", "-tls1_2", "-no_ticket")
    openssl_server("PEER_OPENSSL_P384", "-groups", "P-384")
    openssl_server("PEER_OPENSSL_CBC384", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384")
    openssl_server("PEER_OPENSSL_RSA", "-tls1_2", "-cipher", "AES128-GCM-SHA256")
    openssl_server("PEER_OPENSSL_ALPN", "-alpn", "h2,http/1.1")
    openssl_server("PEER_UNTRUSTED", cert="untrusted")
    openssl_server("PEER_SELFSIGNED", cert="selfsigned")
    openssl_server("PEER_EXPIRED", cert="expired")
    openssl_server("PEER_CLIENTUSE", cert="clientuse")
    openssl_server("PEER_INCOMPLETE", cert="incomplete")
    openssl_server("PEER_STAPLED_GOOD", "-status_file", "stapled-good.ocsp", cert="stapled-good")
    openssl_server("PEER_STAPLED_REVOKED", "-status_file", "stapled-revoked.ocsp", cert="stapled-revoked")
    openssl_server("PEER_STAPLED_OTHER", "-status_file", "stapled-good.ocsp", cert="stapled-revoked")
    openssl_server("PEER_NOT_STAPLED", cert="stapled-good")
    openssl_server("PEER_CRL_REVOKED", cert="crl-revoked")
    openssl_server("PEER_CRL_GOOD", cert="crl-good")
    openssl_server("PEER_SIGNED_PSS", cert="signed-pss-sha384")
    openssl_server("PEER_SIGNED_ECDSA", cert="signed-ecdsa-sha512")
    openssl_server("PEER_SIGNED_ED25519", cert="signed-ed25519")
    openssl_server("PEER_MD5", "-cipher", "ALL:@SECLEVEL=0", cert="md5")
    asks = ["-Verify", "3", "-verify_return_error", "-CAfile", "clients.pem"]
    openssl_server("PEER_ASKS_TLS12", "-tls1_2", *asks)
    openssl_server("PEER_ASKS_TLS13", "-tls1_3", *asks)
    openssl_server("PEER_ASKS_TLS11", "-tls1_1", "-cipher", old, *asks)
    openssl_server("PEER_ASKS_SHA512", "-tls1_2", "-client_sigalgs", "RSA+SHA512", *asks)
    openssl_server("PEER_ASKS_ECDSA", "-tls1_2", "-client_sigalgs", "ECDSA+SHA256", *asks)
    v = ssl.TLSVersion
    echo_server("PEER_ECHO", v.TLSv1_3, v.TLSv1_2)
    echo_server("PEER_ECHO_CBC", v.TLSv1_2, v.TLSv1_2, "AES256-SHA256:AES128-SHA")
    echo_server("PEER_ECHO_OLD", v.TLSv1_1, v.TLSv1)
    gnutls_server("PEER_GNUTLS", "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0:+SIGN-RSA-SHA1")
    gnutls_server("PEER_GNUTLS_CBC", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC:+AES-128-CBC")
    gnutls_server("PEER_GNUTLS_WEAK", "NORMAL:-CIPHER-ALL:+ARCFOUR-128:+3DES-CBC:+NULL:-KX-ALL:+RSA:-MAC-ALL:+SHA1:+SHA256:+MD5:-VERS-ALL:+VERS-TLS1.2")
    dh_parameters(PKI / "dh1024.pem", DH1024)
    openssl_server("PEER_DH1024", "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "-dhparam", "dh1024.pem")
    openssl_server("PEER_DH2048", "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256")
    openssl_server("PEER_RSA1024", "-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0", cert="rsa1024")
    openssl_server("PEER_RSA512", "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0", cert="rsa512")
    openssl_server("PEER_RSA512_SIGNS", "-tls1_2", "-sigalgs", "RSA+SHA256", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", cert="rsa512")
    openssl_server("PEER_RSA512_SIGNS_TLS10", "-tls1", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0", cert="rsa512")
    openssl_server("PEER_SHA1_SIGNATURES", "-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    openssl_server("PEER_PSK", "-tls1_2", "-psk_identity", "somebody", "-psk", PSK, "-cipher", "PSK-AES128-GCM-SHA256:PSK-AES256-CBC-SHA384:PSK-NULL-SHA256:@SECLEVEL=0")
    late_asking_server("PEER_ASKS_LATER")
    renegotiating_server("PEER_RENEGOTIATES")
    exporting_server("PEER_EXPORTS_BINDING", "EXPORTER-Channel-Binding", 32, "-tls1_3")
    for version in ("1", "1_1", "1_2"):
        exporting_server(f"PEER_EXPORTS_EAP_TLS{version}", "client EAP encryption", 128, f"-tls{version}", "-cipher", old)
    exporting_server("PEER_EXPORTS_TTLS", "ttls keying material", 128, "-tls1_2")
    exporting_server("PEER_EXPORTS_TTLS_CHALLENGE", "ttls challenge", 128, "-tls1_2")
    exporting_server("PEER_EXPORTS_TTLS_CHALLENGE_TLS13", "ttls challenge", 128, "-tls1_3")
    nginx_server("PEER_NGINX")
    apache_server("PEER_APACHE")
    wait_for_peers()


def stop_peers():
    for process in peers:
        process.terminate()
    for process in peers:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


# --- Wine ---------------------------------------------------------------------------------------------------------


class Wine:
    """One Wine with a prefix of its own, in which the DLL under test lies."""

    roots = ("root.pem", "own-root.pem", "clients.pem")  # what the prefix trusts

    def __init__(self, version, arches):
        self.version, self.arches = version, arches
        self.prefix = WORK / f"prefix{version}"
        self.log = WORK / f"wine{version}.log"

    def command(self, *args):
        return [*self.enter(), *map(str, args)]

    def enter(self):
        return []

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items()
               if k not in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "DISPLAY", "GNUTLS_SYSTEM_PRIORITY_FILE", "SSLKEYLOGFILE", "SCHANNEL_LOG_PATH")}
        # Without a display and without asking for Mono and Gecko; errors of Wine itself go to its log, and warnings of ours nowhere.
        env.update(WINEPREFIX=str(self.prefix), WINEDEBUG="-all", SCHANNEL_LOG_LEVEL="none", WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d",
                   HOME=os.environ.get("HOME", "/root"), PKI=str(PKI), PKI_CA_DER=str(PKI / "root.der"))
        env.update({name: str(port) for name, port in ports.items()})
        env.update({k: str(v) for k, v in more.items()})
        return env

    def run(self, *args, timeout=120, cwd=None, **env):
        """Runs a program; (exit code, what it printed)."""
        # Into a file: Wine's services inherit a pipe and would keep it open long after the program.
        with tempfile.TemporaryFile() as printed:
            try:
                code = subprocess.run(self.command(*args), env=self.environment(**env), cwd=cwd or WORK, timeout=timeout,
                                      stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT).returncode
            except subprocess.TimeoutExpired:
                code = -1
                subprocess.run(self.command("wineserver", "-k"), env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            printed.seek(0)
            output = printed.read().decode(errors="replace").replace("\r", "")
        return code, output + ("\n(timed out)" if code == -1 else "")

    def serve(self, arch, *options):
        """Starts sspi-server; (process, port)."""
        return self.start_server(arch, "sspi-server", "--port", 0, "--password", "secret", *options)

    def start_server(self, arch, program, *arguments):
        """Starts one of the tools with its files below build/check; (process, port)."""
        log = tempfile.TemporaryFile()
        process = subprocess.Popen(self.command("wine", BUILD / arch / f"tools/{program}.exe", *arguments), env=self.environment(), cwd=PKI, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        process.log = log
        for _ in range(200):
            if found := re.search(r"listening on 127.0.0.1:(\d+)", process_log(process)):
                return process, int(found.group(1))
            time.sleep(0.05)
        raise RuntimeError(f"{program} does not listen: {process_log(process)}")

    def end_servers(self):
        for program in ("sspi-server.exe", "sspi-dtls.exe"):
            self.run("wine", "taskkill", "/f", "/im", program, timeout=30)

    def system(self, arch):
        """The folder where a DLL of that architecture has to lie, in a 64-bit prefix."""
        return self.prefix / "drive_c/windows" / ("system32" if arch == "x86_64" else "syswow64")

    def make_prefix(self):
        if not (self.prefix / "system.reg").exists():
            shutil.rmtree(self.prefix, ignore_errors=True)
            print(f"  PREFIX  Wine {self.version}", flush=True)
            code, output = self.run("wineboot", "-i", timeout=180)
            self.run("wineserver", "-w", timeout=60)
            if not (self.prefix / "system.reg").exists():
                raise RuntimeError(f"wineboot failed ({code}): {output[-500:]}")
        for arch in self.arches:
            self.drop_in(arch)
        # One server for all that follows: it is started and stopped for each program otherwise, a second each.
        self.run("wineserver", "-p600")
        for root in self.roots:
            code, output = self.run("wine", BUILD / self.arches[0] / "tools/trust-ca.exe", PKI / root)
            if code:
                raise RuntimeError(f"{root} cannot be trusted: {output}")

    def drop_in(self, arch):
        shutil.copy(BUILD / arch / "schannel.dll", self.system(arch) / "schannel.dll")

    def close(self):
        self.run("wineserver", "-k", timeout=30)


def process_log(process):
    """What a server has said so far."""
    process.log.seek(0)
    return process.log.read().decode(errors="replace").replace("\r", "")


class RootWine(Wine):
    """A Wine in a root folder of another Debian (tests/wine10-root.sh)."""

    def enter(self):
        return [str(TOP / "tests/wine10-root.sh"), str(BUILD / "trixie"), "run"]


def find_wines(wanted):
    """The Wines there are to test in; says what is missing."""
    wines = []
    if wanted in (None, "8"):
        version = subprocess.run(["wine", "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "WINEPREFIX": "/nonexistent"})
        name = re.search(rb"wine-(\d+)", version.stdout)
        wines.append(Wine(name.group(1).decode() if name else "?", ["x86_64"]))
    if wanted in (None, "10"):
        if os.geteuid():
            report("SKIP", "Wine 10.0", "a root folder with another Debian needs root")
        else:
            made = subprocess.run([TOP / "tests/wine10-root.sh", BUILD / "trixie", "make"])
            if made.returncode:
                report("SKIP", "Wine 10.0", "its root folder could not be made")
            else:
                arches = (BUILD / "trixie/.ready").read_text().split() or ["x86_64", "i686"]
                if "i686" not in arches:
                    report("SKIP", "Wine 10.0 i686", "the mirror's list of 32-bit packages was not whole")
                wines.append(RootWine("10", arches))
    return wines


# --- test programs ------------------------------------------------------------------------------------------------


def run_program(wine, arch, program, way=None):
    """Runs one test program and takes over its verdicts."""
    name = f"Wine {wine.version} {arch} {program.stem}" + (f" {way}" if way else "")
    env = {"SSPI_WAY": way, "SSPI_DLL": "schannel.dll"} if way else {}
    # WINETEST_PLATFORM: what is expected is Windows' answer, and no failure is forgiven for running under Wine.
    start = lambda **more: wine.run("wine", program, cwd=program.parent, WINETEST_PLATFORM="windows", **env, **more)
    code, output = start()
    if "BEGIN" not in output:
        # Wine ended before main, and so before the DLL under test was there (test.h): once more, and it is to say why.
        print(f"  AGAIN   {name}: Wine ended with {code} before the program began\n{output}", flush=True)
        code, output = start(WINEDEBUG="fixme-all")
    verdicts = re.findall(r"^(PASS|FAIL|SKIP) (.*)$", output, re.M)
    details = [line for line in output.splitlines() if not re.match(r"(PASS|SKIP) |BEGIN$", line)]
    for verdict, test in verdicts:
        report(verdict, f"{name}: {test}")
    if any(verdict == "FAIL" for verdict, _ in verdicts) or not verdicts:
        print("\n".join("          " + line for line in details[:40]))
    if not re.search(r"tests executed", output) or not verdicts:
        report("FAIL", name, f"ended with {code} before its time")
    return len(verdicts)


def run_programs(wine, only):
    for arch in wine.arches:
        folder = BUILD / arch / "tests"
        for source in sorted((TOP / "tests").glob("*.c")):
            program = folder / f"{source.stem}.exe"
            if source.stem in ("pair", "door", "sides", "stranger") or (only and only not in source.stem):
                continue
            ways = ("secur32", "direct") if source.stem.startswith("sspi_") else (None,)
            for way in ways:
                started = time.time()
                count = run_program(wine, arch, program, way)
                print(f"  TEST    Wine {wine.version} {arch} {source.stem} {way or ''}: {count} in {time.time() - started:.1f} s", flush=True)


# --- looks from outside -------------------------------------------------------------------------------------------

checks = []
checks_of_files = []  # which need no Wine


def check(function):
    checks.append(function)
    return function


def check_files(function):
    checks_of_files.append(function)
    return function


def client(wine, arch, *args, **env):
    return wine.run("wine", BUILD / arch / "tools/sspi-client.exe", *args, **env)


# crypt32 and the like are loaded when they are needed.
ALLOWED_IMPORTS = {"kernel32.dll", "advapi32.dll", "msvcrt.dll", "ntdll.dll", "api-ms-win-core-synch-l1-2-0.dll"}


def imports_of(path):
    """The DLLs a PE file imports, by its own tables."""
    data = path.read_bytes()
    pe = struct.unpack_from("<I", data, 0x3C)[0]
    sections, optional_size = struct.unpack_from("<H", data, pe + 6)[0], struct.unpack_from("<H", data, pe + 20)[0]
    optional = pe + 24
    directories = optional + (112 if struct.unpack_from("<H", data, optional)[0] == 0x20B else 96)
    headers = [struct.unpack_from("<8sIIII", data, optional + optional_size + 40 * i) for i in range(sections)]

    def offset(rva):
        for _, size, address, raw_size, raw in headers:
            if address <= rva < address + max(size, raw_size):
                return rva - address + raw
        raise ValueError(hex(rva))

    names, at = set(), offset(struct.unpack_from("<I", data, directories + 8)[0])
    while True:
        name = struct.unpack_from("<I", data, at + 12)[0]
        if not name:
            return names
        start_ = offset(name)
        names.add(data[start_:data.index(b"\0", start_)].decode().lower())
        at += 20


@check
def check_imports(wine):
    for arch in wine.arches:
        strange = imports_of(BUILD / arch / "schannel.dll") - ALLOWED_IMPORTS
        report("FAIL" if strange else "PASS", f"{arch}: only DLLs that Wine and Windows have are imported", ", ".join(strange))


@check
def check_the_file_is_hardened(wine):
    """ASLR, with all the address bits there are, no code that can be written, no data that can be run, and no library looked for in the program's own folder."""
    for arch in wine.arches:
        data = (BUILD / arch / "schannel.dll").read_bytes()
        pe = struct.unpack_from("<I", data, 0x3C)[0]
        sections, optional_size = struct.unpack_from("<H", data, pe + 6)[0], struct.unpack_from("<H", data, pe + 20)[0]
        flags, file_flags = struct.unpack_from("<H", data, pe + 24 + 70)[0], struct.unpack_from("<H", data, pe + 22)[0]
        wanted = 0x40 | 0x100 | (0x20 if arch == "x86_64" else 0)  # DYNAMIC_BASE, NX_COMPAT, HIGH_ENTROPY_VA
        report("PASS" if flags & wanted == wanted and not file_flags & 1 else "FAIL", f"{arch}: ASLR and NX", f"{flags:#x}, {file_flags:#x}")
        headers = [struct.unpack_from("<8s28xI", data, pe + 24 + optional_size + 40 * i) for i in range(sections)]
        both = [name for name, characteristics in headers if characteristics & 0x20000000 and characteristics & 0x80000000]
        report("PASS" if headers and not both else "FAIL", f"{arch}: no section can be written and run", str(both))
        listing = subprocess.run([f"{arch}-w64-mingw32-objdump", "-p", BUILD / arch / "schannel.dll"], stdout=subprocess.PIPE, check=True).stdout.decode()
        # LoadLibraryA is that of mingw-w64's delayed imports, behind our own answer (main.c), and of libgcrypt's random numbers, which nobody asks for. The others
        # are told where to look, and GetModuleHandleExW is given an address of ours.
        loads = set(re.findall(r"\b(LoadLibrary\w+|GetModuleHandleEx\w|LoadModule)\b", listing)) - {"LoadLibraryExW", "LoadLibraryExA", "LoadLibraryA", "GetModuleHandleExW"}
        sources = [source.name for source in (TOP / "dlls/schannel").glob("*.c") for call in re.findall(r"LoadLibrary\w*\([^;]*;", source.read_text())
                   if "LOAD_LIBRARY_SEARCH_SYSTEM32" not in call]
        sources += [source.name for source in (TOP / "dlls/schannel").glob("*.c") for call in re.findall(r"GetModuleHandleExW\([^;{]*", source.read_text())
                    if "GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS" not in call]
        report("PASS" if "GetProcAddress" in listing and not loads and not sources else "FAIL", f"{arch}: libraries are looked for in the system's folder only", f"{loads} {sources}")


@check
def check_debug_information_is_in_a_file_of_its_own(wine):
    for arch in wine.arches:
        sections = subprocess.run([f"{arch}-w64-mingw32-objdump", "-h", BUILD / arch / "schannel.dll"], stdout=subprocess.PIPE, check=True).stdout.decode()
        apart = subprocess.run([f"{arch}-w64-mingw32-objdump", "-h", BUILD / arch / "schannel.dll.debug"], stdout=subprocess.PIPE, check=True).stdout.decode()
        good = ".debug_info" not in sections and ".gnu_debuglink" in sections and ".debug_info" in apart
        report("PASS" if good else "FAIL", f"{arch}: the DLL is stripped and names its debug file")


@check
def check_no_path_of_this_machine_is_in_the_file(wine):
    for arch in wine.arches:
        found = str(TOP).encode() in (BUILD / arch / "schannel.dll").read_bytes()
        report("FAIL" if found else "PASS", f"{arch}: no path of this machine is in the DLL")


@check
def check_wines_own_test_of_the_dll(wine):
    """dlls/schannel/tests of Wine's source: as on Windows, where todo_wine() forgives nothing, and as in Wine, where broken() does not."""
    for arch in wine.arches:
        for platform in ("windows", "wine"):
            code, output = wine.run("wine", BUILD / arch / "tests/wine_schannel.exe", cwd=BUILD / arch / "tests", WINETEST_PLATFORM=platform)
            counts = re.search(r"(\d+) tests executed \((\d+) marked as todo, (\d+) as flaky, (\d+) failures?\), (\d+) skipped", output)
            executed, *others = map(int, counts.groups()) if counts else (0,)
            good = code == 0 and executed > 20 and not any(others)
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: Wine's dlls/schannel/tests as on {platform}", output if not good else "")


@check
def check_install_and_remove_as_readme_says(wine):
    """Copying is all there is to it, an update of the prefix leaves the file alone, and without it Wine's own is back."""
    url = f"https://localhost:{ports['PEER_NGINX']}/"

    def loaded(arch):
        code, output = client(wine, arch, "--legacy", url)
        return code == 0, "schannel-gnutls" in output, output

    def verdict(good, arch, what, output):
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {what}", "" if good else output)

    for arch in wine.arches:
        works, ours, output = loaded(arch)
        verdict(works and ours, arch, "a file in system32 and nothing else is enough", output)
    wine.run("wineboot", "-u")
    for arch in wine.arches:
        works, ours, output = loaded(arch)
        verdict(works and ours, arch, "wineboot -u leaves the file alone", output)
        (wine.system(arch) / "schannel.dll").unlink()
    wine.run("wineboot", "-u")
    for arch in wine.arches:
        works, ours, output = loaded(arch)
        verdict(works and not ours, arch, "without it, wineboot -u brings Wine's own back", output)
        wine.drop_in(arch)


@check
def check_the_environment_does_not_decide(wine):
    """GNUTLS_SYSTEM_PRIORITY_FILE of the Unix side broke Wine's own; debug levels must not print keys."""
    policy = WORK / "policy"
    policy.write_text("[overrides]\ninsecure-hash = sha256\ndisabled-version = tls1.3\ndisabled-version = tls1.2\ntls-disabled-cipher = aes-256-gcm\n")
    for arch in wine.arches:
        code, output = client(wine, arch, "--quiet", f"https://localhost:{ports['PEER_NGINX']}/", GNUTLS_SYSTEM_PRIORITY_FILE=policy)
        good = code == 0 and "TLS 1.3 TLS_AES_256_GCM_SHA384" in output
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: GNUTLS_SYSTEM_PRIORITY_FILE has no say", output if not good else "")
        code, output = client(wine, arch, "--quiet", f"https://localhost:{ports['PEER_NGINX']}/", GNUTLS_DEBUG_LEVEL=99, WINEDEBUG="-all,+schannel,+schannel_tls")
        lines = [line for line in output.splitlines() if re.search(r"(secret|master|random|key)\b.*[0-9a-f]{32}", line, re.I)]
        report("FAIL" if lines or code else "PASS", f"Wine {wine.version} {arch}: no key is printed at any debug level", "; ".join(lines[:2]))


@check
def check_the_log_has_one_line_a_call(wine):
    for arch in wine.arches:
        code, output = client(wine, arch, "--quiet", f"https://localhost:{ports['PEER_NGINX']}/", WINEDEBUG="-all,+schannel")
        lines = re.findall(r"^[0-9a-f]{4}:trace:schannel:(\w+) (.*)$", output, re.M)
        doors = [door for door, _ in lines]
        wanted = {"AcquireCredentialsHandleW", "InitializeSecurityContextW", "QueryContextAttributesW", "EncryptMessage", "DecryptMessage",
                  "ApplyControlToken", "DeleteSecurityContext", "FreeCredentialsHandle"}
        good = code == 0 and wanted <= set(doors) and doors.count("AcquireCredentialsHandleW") == 1 and doors.count("EncryptMessage") == 1
        good = good and all(re.search(r"SEC_\w+ \(", text) for door, text in lines if door in wanted)
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: +schannel shows one line a call", output if not good else "")


@check
def check_nothing_secret_is_logged(wine):
    """All there is of logs, GnuTLS's own at a level at which it prints keys: none of the keys that SSLKEYLOGFILE knows, and nothing of the data."""
    keys = WORK / "logged.keys"
    for arch in wine.arches:
        keys.unlink(missing_ok=True)
        code, output = client(wine, arch, "--quiet", f"https://localhost:{ports['PEER_NGINX']}/?nobody-else-knows", WINEDEBUG="-all,+schannel,+schannel_tls,+schannel_event",
                              SCHANNEL_LOG_LEVEL="debug", GNUTLS_DEBUG_LEVEL="99", SSLKEYLOGFILE=str(keys))
        secrets = {line.split()[2] for line in keys.read_text().splitlines() if len(line.split()) == 3}
        digits = re.sub("[^0-9a-f]", "", output.lower())
        found = [secret for secret in secrets if secret in digits or secret[:32] in digits]
        good = code == 0 and len(secrets) >= 4 and "schannel_tls:" in output and "EncryptMessage" in output and not found and "nobody-else-knows" not in output
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: nothing secret is logged", f"{code}, {len(secrets)} secrets, found {found}: {output[-1500:]}" if not good else "")


OUR_LINES = re.compile(r"^(?:error|warn|info|debug): +schannel: (.*)$", re.M)


@check
def check_the_users_log(wine):
    """SCHANNEL_LOG_LEVEL and SCHANNEL_LOG_PATH, whatever WINEDEBUG says: only warnings unless asked."""
    url, folder = f"https://localhost:{ports['PEER_NGINX']}/", WORK / "logs"
    log = folder / "sspi-client_schannel.log"
    for arch in wine.arches:
        def lines(*options, path=None, **env):
            """What was printed of ours, what is in the file, and everything."""
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            output = client(wine, arch, "--quiet", *options, url, **env, **({"SCHANNEL_LOG_PATH": path} if path else {}))[1]
            return OUR_LINES.findall(output), log.read_text().splitlines() if log.exists() else [], output

        def verdict(good, what, seen):
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: the user's log: {what}", str(seen)[-1500:] if not good else "")

        wrong_name = ["--name", "example.org"]
        refusal = "a handshake as a client of example.org failed with SEC_E_WRONG_PRINCIPAL (0x80090322)"
        product = re.compile(rf'schannel-gnutls [0-9.]+, GnuTLS [0-9.]+, {64 if arch == "x86_64" else 32} bit, ".:.windows.sys[a-z0-9]+.schannel.dll", in Wine [0-9.]+$')
        summary = "connected to localhost: TLS 1.3, TLS_AES_256_GCM_SHA384, X25519, ALPN none, new"
        for level in "", "warn", "nonsense":
            seen = lines(SCHANNEL_LOG_LEVEL=level)
            verdict(seen[:2] == ([], []), f"level '{level}' says nothing of what works", seen)
            seen = lines(*wrong_name, SCHANNEL_LOG_LEVEL=level)
            verdict(seen[0][-1:] == [refusal], f"level '{level}' says what failed", seen)
        for level in "none", "error":
            seen = lines(*wrong_name, SCHANNEL_LOG_LEVEL=level)
            verdict(seen[0] == [], f"level {level} says nothing of it", seen)
        for path in str(folder), "Z:" + str(folder).replace("/", "\\"):
            seen = lines(SCHANNEL_LOG_LEVEL="info", path=path)
            good = len(seen[0]) == 2 and product.match(seen[0][0]) and seen[0][1] == summary
            good = good and [re.sub(r"^[0-9:.]+ [0-9a-f]{4} info +", "", line) for line in seen[1]] == seen[0]
            verdict(good, f"the DLL and the connection, on the screen and in {path}", seen)
        seen = lines(SCHANNEL_LOG_LEVEL="info", path="none")
        verdict(len(seen[0]) == 2 and not seen[1] and not list(folder.iterdir()), "the path 'none' is no path", seen)
        seen = lines(SCHANNEL_LOG_LEVEL="warn", path="/nonexistent/folder", WINEDEBUG="-all,warn+schannel", *wrong_name)
        verdict("no log can be written" in seen[2] and seen[2].count(refusal) == 1, "a folder that is not there is named, and no line comes twice", seen)
        seen = lines("--alpn", "http/1.1", SCHANNEL_LOG_LEVEL="debug", path=folder)
        text = seen[2] + "\n".join(seen[1])
        good = re.search(r"debug EncryptMessage .*SEC_E_OK", text) and re.search(r"debug: schannel: EncryptMessage ", text)
        good = good and "It works" not in text and max(map(len, text.splitlines())) < 1020 and summary.replace("none", "http/1.1") in text
        verdict(good, "level debug shows calls, no data, no line too long", seen)
        seen = lines("--name", "long" * 1000, SCHANNEL_LOG_LEVEL="debug", path=folder)
        verdict("long" * 20 in seen[2] and max(map(len, seen[1])) < 1020, "a name that is too long for a line is cut", seen)


@check
def check_keys_for_wireshark(wine):
    """SSLKEYLOGFILE as a Unix and as a Windows path: the very keys that OpenSSL, on the other side, has written down; never in the log."""
    ours, theirs = WORK / "keys-ours", WORK / "keys-theirs"
    for arch in wine.arches:
        for options, count in (["--legacy"], 1), ([], 5):
            for path in str(ours), "Z:" + str(ours).replace("/", "\\"):
                ours.unlink(missing_ok=True)
                theirs.unlink(missing_ok=True)
                port = free_port()
                server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-keylogfile", theirs, "-cert", "rsa.pem", "-key", "rsa.key",
                                           "-cert_chain", "rsa-rest.pem"], cwd=PKI, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_for_port(port)
                url = f"https://localhost:{port}/"
                code, output = client(wine, arch, "--quiet", *options, url, SSLKEYLOGFILE=path, SCHANNEL_LOG_LEVEL="debug", WINEDEBUG="-all,+schannel,+schannel_tls")
                silent = client(wine, arch, "--quiet", *options, url, SSLKEYLOGFILE="", SCHANNEL_LOG_LEVEL="debug")[1]
                server.kill()
                server.wait()
                read = lambda file: {line for line in file.read_text().splitlines() if not line.startswith("#")} if file.exists() else set()
                good = code == 0 and len(read(ours)) == count and read(ours) <= read(theirs)
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {count} keys of a connection in {path}", output[-1500:] if not good else "")
                warned = "SSLKEYLOGFILE is set: whoever can read" in output and "SSLKEYLOGFILE" not in silent
                kept = not any(line.split()[2] in output.lower() for line in read(ours))
                report("PASS" if warned and kept else "FAIL", f"Wine {wine.version} {arch}: it is said, and no key is in the log", output[-1500:] if not (warned and kept) else "")


@check
def check_events_are_logged_as_the_registry_says(wine):
    """EventLogging: 1 for failures, 2 for what is weak, 4 for successes; without it nothing, and with it in Wine's default channels."""
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL"
    good, bad = (f"https://localhost:{ports[peer]}/" for peer in ("PEER_NGINX", "PEER_UNTRUSTED"))
    for arch in wine.arches:
        for mask, wanted in (None, (0, 0)), (1, (0, 1)), (4, (1, 0)), (5, (1, 1)):
            wine.run("wine", "reg", "delete", key, "/v", "EventLogging", "/f")
            if mask is not None:
                wine.run("wine", "reg", "add", key, "/v", "EventLogging", "/t", "REG_DWORD", "/d", str(mask), "/f")
            outputs = [client(wine, arch, "--quiet", url, WINEDEBUG="fixme-all")[1] for url in (good, bad)]
            seen = tuple(len(re.findall(r"err:schannel_event:event a handshake as a client of localhost", text)) for text in outputs)
            report("PASS" if seen == wanted else "FAIL", f"Wine {wine.version} {arch}: EventLogging {mask}", "".join(outputs) if seen != wanted else "")
        wine.run("wine", "reg", "add", key, "/v", "EventLogging", "/t", "REG_DWORD", "/d", "2", "/f")
        for options, wanted in ([], 0), (["--legacy", "--protocols", "tls1.0"], 1):
            old = f"https://localhost:{ports['PEER_OPENSSL_TLS10' if options else 'PEER_NGINX']}/"
            output = client(wine, arch, "--quiet", *options, old, WINEDEBUG="fixme-all,warn+schannel")[1]
            events = len(re.findall(r"err:schannel_event:event weak, with localhost: version 0x301, TLS_", output))
            warnings_ = len(re.findall(r"warn:schannel:\w+ weak: protocol 0x301", output))
            named = events == wanted and warnings_ == wanted
            report("PASS" if named else "FAIL", f"Wine {wine.version} {arch}: what is weak is named: {wanted}", output if not named else "")
        wine.run("wine", "reg", "delete", key, "/v", "EventLogging", "/f")


@check
def check_what_the_registry_does_to_servers(wine):
    """The size of our DHE groups, an order of suites, a suite forbidden, and no resumption, as OpenSSL's client sees them."""
    schannel = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL"
    policy = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"
    suites = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    both = "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
    numbers = [(key, name, value) for key, name, value in (
        ("KeyExchangeAlgorithms\\Diffie-Hellman", "ServerMinKeyBitLength", "3072"), ("Ciphers\\AES 256/256", "Enabled", "0"))]
    for arch in wine.arches:
        rows = (((), "", ["-cipher", both], "Cipher is ECDHE-RSA-AES256-GCM-SHA384"),
                ((), suites, ["-cipher", both], "Cipher is DHE-RSA-AES128-GCM-SHA256"),
                ((), suites, ["-cipher", both], "Server Temp Key: DH, 2048 bits"),
                (numbers[:1], suites, ["-cipher", both], "Server Temp Key: DH, 3072 bits"),
                (numbers[1:], "", ["-cipher", both], "Cipher is ECDHE-RSA-AES128-GCM-SHA256"))
        for values, order, options, wanted in rows:
            for key, name, value in values:
                wine.run("wine", "reg", "add", f"{schannel}\\{key}", "/v", name, "/t", "REG_DWORD", "/d", value, "/f")
            if order:
                wine.run("wine", "reg", "add", policy, "/v", "Functions", "/d", order, "/f", "/reg:64")
            _, port = wine.serve(arch, "rsa.pfx")
            code, output = s_client(port, "-tls1_2", *options)
            wine.end_servers()
            for key, name, _ in values:
                wine.run("wine", "reg", "delete", f"{schannel}\\{key}", "/v", name, "/f")
            wine.run("wine", "reg", "delete", policy, "/v", "Functions", "/f", "/reg:64")
            good = code == 0 and wanted in output
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {wanted}", output[-1500:] if not good else "")


@check
def check_the_processor_is_used(wine):
    """What the processor has and GnuTLS can use has to be found: without SHA-NI SHA-256 runs at a fifth."""
    flags = set(re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1).split())
    for arch in wine.arches:
        wanted = {"ssse3": "Intel SSSE3 was detected", "aes": "Intel AES accelerator was detected", "sha_ni": "Intel SHA was detected"}
        if arch == "x86_64":
            wanted.update(pclmulqdq="Intel GCM accelerator was detected" if "avx" not in flags else "Intel GCM accelerator (AVX) was detected")
        code, output = client(wine, arch, "--quiet", f"https://localhost:{ports['PEER_NGINX']}/", GNUTLS_DEBUG_LEVEL=3, WINEDEBUG="-all,+schannel_tls")
        # Lines of the GnuTLS that Wine itself loads come as they are; ours through the channel.
        ours = "\n".join(line for line in output.splitlines() if "schannel_tls" in line)
        for flag, text in wanted.items():
            if flag not in flags:
                report("SKIP", f"{arch}: {flag} is used", "this processor has none")
            else:
                report("PASS" if text in ours else "FAIL", f"Wine {wine.version} {arch}: {flag} is used", ours[:800] if text not in ours else "")


SUITES = {
    "tls1_3": ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"],
    "tls1_2": ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
               "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256",
               "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AES256-GCM-SHA384",
               "AES128-GCM-SHA256", "AES256-SHA256", "AES128-SHA256", "AES256-SHA", "AES128-SHA"],
    "tls1_1": ["ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AES256-SHA", "AES128-SHA"],
    "tls1": ["ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AES256-SHA", "AES128-SHA"],
}


@check
def check_every_suite_with_openssl(wine):
    """Each suite Windows 11 enables, one server each that takes nothing else."""
    for version, suites in SUITES.items():
        for suite in suites:
            name = f"PEER_{version}_{suite}"
            if name not in ports:
                option = ["-ciphersuites", suite] if version == "tls1_3" else ["-cipher", f"{suite}:@SECLEVEL=0"]
                openssl_server(name, f"-{version}", *option, both=True)
                ports_ready(name)
            for arch in wine.arches:
                options = ["--legacy", "--protocols", {"tls1_1": "tls1.1", "tls1": "tls1.0"}[version]] if version in ("tls1_1", "tls1") else []
                code, output = client(wine, arch, "--quiet", *options, f"https://localhost:{ports[name]}/")
                expected = {"tls1_3": "TLS 1.3", "tls1_2": "TLS 1.2", "tls1_1": "TLS 1.1", "tls1": "TLS 1.0"}[version]
                good = code == 0 and output.startswith(expected + " TLS_") and "closed properly" in output
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {version} {suite}", output if not good else "")


def ports_ready(name):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", ports[name]), 1).close()
            return
        except OSError:
            time.sleep(0.05)


def big_file():
    path = WORK / "www/big"
    if not path.exists() or path.stat().st_size != 1 << 30:
        block = os.urandom(1 << 20)
        with open(path, "wb") as out:
            for i in range(1 << 10):
                out.write(struct.pack("<I", i) + block[4:])
    sums = path.with_suffix(".sha256")
    if not sums.exists() or sums.stat().st_mtime < path.stat().st_mtime:
        digest = hashlib.sha256()
        with open(path, "rb") as data:
            while chunk := data.read(1 << 22):
                digest.update(chunk)
        sums.write_text(digest.hexdigest())
    return sums.read_text()


@check
def check_a_gibibyte_arrives_whole(wine):
    """Through TLS 1.2 and 1.3, in chunks that fit no record."""
    expected = big_file()
    out = WORK / "big.out"
    for arch in wine.arches:
        for options in (["--legacy"], []):
            code, output = client(wine, arch, "--quiet", *options, "--chunk", "30011", "--output", "Z:" + str(out), f"https://localhost:{ports['PEER_NGINX']}/big")
            digest = hashlib.sha256()
            if out.exists():
                with open(out, "rb") as data:
                    while chunk := data.read(1 << 22):
                        digest.update(chunk)
                out.unlink()
            good = code == 0 and digest.hexdigest() == expected
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: 1 GiB through {'TLS 1.2' if options else 'TLS 1.3'}", output if not good else "")


WINHTTP = """
var http = new ActiveXObject("WinHttp.WinHttpRequest.5.1");
http.Open("GET", WScript.Arguments(0), false);
http.Send();
WScript.Echo(http.Status + " " + http.ResponseText);
"""


@check
def check_winhttp(wine):
    """A program nobody here wrote: WinHTTP under Wine's own cscript."""
    script = WORK / "winhttp.js"
    script.write_text(WINHTTP)
    for arch in wine.arches:
        cscript = wine.system(arch) / "cscript.exe"
        for peer, good in (("PEER_NGINX", True), ("PEER_OPENSSL", True), ("PEER_UNTRUSTED", False)):
            code, output = wine.run("wine", cscript, "//nologo", "Z:" + str(script), f"https://localhost:{ports[peer]}/", WINEDEBUG="-all,+schannel")
            used = "trace:schannel:DecryptMessage" in output if good else "trace:schannel:InitializeSecurityContextW" in output
            answered = re.search(r"^200 ", output, re.M) is not None
            report("PASS" if used and answered == good else "FAIL", f"Wine {wine.version} {arch}: WinHTTP with {peer}", output[-1500:] if not (used and answered == good) else "")


@check
def check_the_server_sees_why(wine):
    """A program that leaves validation to Schannel refuses, and the server hears the reason as an alert."""
    rows = (("untrusted", "localhost", "TLSV1_ALERT_UNKNOWN_CA"), ("expired", "localhost", "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
            ("clientuse", "localhost", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"), ("rsa", "example.org", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"), ("rsa", "localhost", None))
    for arch in wine.arches:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for cert, name, expected in rows:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = context.maximum_version = version
                context.load_cert_chain(PKI / f"{cert}-chain.pem", PKI / f"{cert}.key")
                heard = []

                def serve_one(listener):
                    raw, _ = listener.accept()
                    raw.settimeout(20)
                    try:
                        with context.wrap_socket(raw, server_side=True) as tls:
                            tls.recv(4096)
                            tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
                            heard.append(None)
                    except ssl.SSLError as error:
                        heard.append(error.reason)
                    except OSError as error:
                        heard.append(str(error))

                with socket.create_server(("127.0.0.1", 0)) as listener:
                    thread = threading.Thread(target=serve_one, args=(listener,), daemon=True)
                    thread.start()
                    code, output = client(wine, arch, "--quiet", "--name", name, f"https://127.0.0.1:{listener.getsockname()[1]}/")
                    thread.join(20)
                good = heard == [expected] and (code == 0) == (expected is None)
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {version.name} {cert} for {name}: {expected}", f"heard {heard}; {output}" if not good else "")


REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def s_client(port, *options, request=REQUEST):
    """`openssl s_client` against a server of ours: (exit code, all it printed)."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", "root.pem", "-verify_return_error", "-ign_eof", *options]
    done = subprocess.run(command, cwd=PKI, input=request, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    return done.returncode, done.stdout.decode(errors="replace").replace("\r", "")


OLD_CIPHERS = ["-cipher", "ALL:@SECLEVEL=0"]


@check
def check_clients_of_others_are_served(wine):
    """OpenSSL in every version, GnuTLS and curl, against sspi-server."""
    for arch in wine.arches:
        _, port = wine.serve(arch, "--alpn", "http/1.1", "rsa.pfx")
        _, old_port = wine.serve(arch, "--legacy", "--protocols", "tls1.0,tls1.1,tls1.2", "rsa.pfx")  # SCH_CREDENTIALS cannot name
        for option, name in (("tls1", "TLS 1.0"), ("tls1_1", "TLS 1.1"), ("tls1_2", "TLS 1.2"), ("tls1_3", "TLS 1.3")):
            old = option in ("tls1", "tls1_1")
            code, output = s_client(old_port if old else port, f"-{option}", *(OLD_CIPHERS if old else []))
            good = code == 0 and f"\n{name} TLS_" in output and "Verify return code: 0 (ok)" in output
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {name} with s_client", output[-1500:] if not good else "")
        for group, name in (("P-384", "secp384r1"), ("P-521:P-256", "secp256r1")):  # the second asks for a HelloRetryRequest
            code, output = s_client(port, "-tls1_3", "-groups", group)
            report("PASS" if code == 0 and name in output else "FAIL", f"Wine {wine.version} {arch}: groups {group}", output[-1500:] if name not in output else "")
        for suite in SUITES["tls1_2"]:
            if "ECDSA" in suite:
                continue  # Wine's crypt32 imports no ECDSA key; tests/session.c has them
            code, output = s_client(port, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
            report("PASS" if code == 0 and "TLS 1.2 TLS_" in output else "FAIL", f"Wine {wine.version} {arch}: s_client with {suite}", output[-800:] if code else "")
        for order in ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"):
            code, output = s_client(port, "-tls1_2", "-cipher", order)
            report("PASS" if "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" in output else "FAIL", f"Wine {wine.version} {arch}: the server's order counts", output[-500:] if code else "")
        code, output = s_client(port, "-tls1_2")
        secure = "Secure Renegotiation IS supported" in output and "Extended master secret: yes" in output
        report("PASS" if secure else "FAIL", f"Wine {wine.version} {arch}: secure renegotiation and extended master secret", output[-500:] if not secure else "")
        code, output = s_client(port, "-no_tls1_3", "-fallback_scsv")
        report("PASS" if "inappropriate fallback" in output else "FAIL", f"Wine {wine.version} {arch}: TLS_FALLBACK_SCSV is heeded", output[-500:] if "inappropriate" not in output else "")
        done = subprocess.run(["gnutls-cli", "--x509cafile", "root.pem", "--sni-hostname", "localhost", "--verify-hostname", "localhost", "-p", str(port), "127.0.0.1"], cwd=PKI, input=REQUEST,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        report("PASS" if done.returncode == 0 and b"TLS 1.3 TLS_" in done.stdout else "FAIL", f"Wine {wine.version} {arch}: gnutls-cli", done.stdout[-800:].decode(errors="replace") if done.returncode else "")
        done = subprocess.run(["curl", "-sS", "--cacert", str(PKI / "root.pem"), f"https://localhost:{port}/"], env={k: v for k, v in os.environ.items() if k != "CURL_CA_BUNDLE"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        report("PASS" if b"TLS 1.3 TLS_" in done.stdout and b"alpn http/1.1" in done.stdout else "FAIL", f"Wine {wine.version} {arch}: curl", done.stdout.decode(errors="replace"))
        code, output = client(wine, arch, "--quiet", f"https://localhost:{port}/")
        report("PASS" if code == 0 and output.startswith("TLS 1.3 ") else "FAIL", f"Wine {wine.version} {arch}: our own client", output if code else "")
        wine.end_servers()


class DatagramPeer:
    """An `openssl s_server` or `gnutls-serv` over UDP that answers the line "hello"; what it said is in .output."""

    def __init__(self, *command):
        self.port = free_port()
        command = [part.replace("PORT", str(self.port)) for part in command]
        self.process = subprocess.Popen(command, cwd=PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = b""
        self.thread = threading.Thread(target=self.drive, daemon=True)
        self.thread.start()
        time.sleep(0.5)  # a UDP server cannot be asked whether it is there

    def drive(self):
        for line in self.process.stdout:
            self.output += line
            if line.startswith(b"hello"):
                os.write(self.process.stdin.fileno(), b"hello yourself\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.thread.join(5)


class BadNetwork:
    """A UDP relay between clients and a server that loses, repeats, reorders or changes a fifth of the datagrams. Only what is protected is changed: nobody can
    notice a change in a plain message, and OpenSSL takes a changed header for an attack."""

    def __init__(self, target, seed):
        self.target, self.random = ("127.0.0.1", target), random.Random(seed)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port, self.backs, self.late = self.front.getsockname()[1], {}, {}
        self.closed = False
        threading.Thread(target=self.relay, daemon=True).start()

    def relay(self):
        while not self.closed:
            for ready in select.select([self.front, *self.backs.values()], [], [], 0.1)[0]:
                try:
                    data, sender = ready.recvfrom(65536)
                except OSError:
                    continue
                if ready is self.front:
                    if sender not in self.backs:
                        self.backs[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        self.backs[sender].connect(self.target)
                    back = self.backs[sender]
                    self.deliver(data, lambda d, back=back: back.send(d), ("to", sender))
                else:
                    client = next(address for address, back in self.backs.items() if back is ready)
                    self.deliver(data, lambda d, client=client: self.front.sendto(d, client), ("from", client))

    def deliver(self, data, send, way):
        fault = self.random.choice(("lost", "twice", "late", "changed")) if self.random.random() < 0.2 else ""
        if fault == "lost":
            return
        if fault == "late" and way not in self.late:
            self.late[way] = data
            return
        if fault == "changed" and data[3:5] != b"\0\0":
            at = self.random.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1:]
        for part in [data] * (2 if fault == "twice" else 1) + ([self.late.pop(way)] if way in self.late else []):
            try:
                send(part)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


def dtls_client(wine, arch, port, *options):
    return wine.run("wine", BUILD / arch / "tools/sspi-dtls.exe", *options, "--insecure", "localhost", port, timeout=150)


def srtp_keys(output):
    found = re.search(r"(?:Keying material: |keys )([0-9A-F]{120})", output)
    return found and found.group(1)


@check
def check_servers_of_others_over_datagrams(wine):
    """sspi-dtls as a client of OpenSSL and GnuTLS: versions, cookies, small datagrams, SRTP and its keys, and a bad network."""
    openssl = ["openssl", "s_server", "-accept", "127.0.0.1:PORT", "-quiet", "-cert", "rsa.pem", "-key", "rsa.key", "-cert_chain", "rsa-rest.pem", "-cipher", "ALL:@SECLEVEL=0"]
    gnutls = ["gnutls-serv", "--udp", "--echo", "--quiet", "--port", "PORT", "--x509certfile", "rsa-chain.pem", "--x509keyfile", "rsa.key"]
    for arch in wine.arches:
        for name, command, options, wanted in (
                ("OpenSSL, DTLS 1.2", [*openssl, "-dtls1_2"], [], "DTLS 1.2"),
                ("OpenSSL, DTLS 1.0", [*openssl, "-dtls1"], ["--protocols", "dtls1.0,dtls1.2"], "DTLS 1.0"),
                ("OpenSSL with cookies", [*openssl, "-dtls1_2", "-listen"], [], "DTLS 1.2"),
                ("OpenSSL in datagrams of 300 bytes", [*openssl, "-dtls1_2", "-mtu", "300"], ["--mtu", "300"], "DTLS 1.2"),
                ("GnuTLS", gnutls, [], "DTLS 1.2"),
                ("GnuTLS in datagrams of 256 bytes", [*gnutls, "--mtu", "256"], ["--mtu", "256"], "DTLS 1.2")):
            with DatagramPeer(*command) as peer:
                code, output = dtls_client(wine, arch, peer.port, *options)
            good = code == 0 and wanted in output and "hello" in output
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: a datagram server: {name}", output + peer.output.decode(errors="replace")[-500:] if not good else "")
        with DatagramPeer(*openssl[:4], *openssl[5:], "-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80", "-keymatexport", "EXTRACTOR-dtls_srtp",
                          "-keymatexportlen", "60") as peer:
            code, output = dtls_client(wine, arch, peer.port, "--srtp", "1,2", "--srtp-keys")
        theirs = peer.output.decode(errors="replace")
        good = code == 0 and srtp_keys(output) and srtp_keys(output) == srtp_keys(theirs) and "SRTP profile 2" in output
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: SRTP and its keys with OpenSSL's server", output + theirs if not good else "")
        for name, command in ("OpenSSL", [*openssl, "-dtls1_2"]), ("GnuTLS", gnutls):
            results = []
            for seed in range(4):
                with DatagramPeer(*command) as peer, BadNetwork(peer.port, seed) as network:
                    results.append(dtls_client(wine, arch, network.port))
            good = all("DTLS 1.2 TLS_" in output for code, output in results)
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {name} over a bad network", "".join(output for _, output in results) if not good else "")


@check
def check_clients_of_others_over_datagrams(wine):
    """OpenSSL and GnuTLS as clients of sspi-dtls."""
    for arch in wine.arches:
        server, port = wine.start_server(arch, "sspi-dtls", "--listen", "--password", "secret", "--protocols", "dtls1.0,dtls1.2", "--srtp", "1,2", "--srtp-keys", "0", "rsa.pfx")

        def openssl(*options, at=port):
            process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{at}", "-CAfile", "root.pem", "-verify_return_error", "-servername", "localhost", *options],
                                       cwd=PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            watch = threading.Timer(60, process.kill)
            watch.start()
            output, said = b"", False
            os.set_blocking(process.stdout.fileno(), False)
            end = time.time() + 60
            while time.time() < end and b"hello again" not in output:
                select.select([process.stdout], [], [], 0.1)
                output += process.stdout.read() or b""
                if b"Verify return code" in output and not said:
                    os.write(process.stdin.fileno(), b"hello again\n")
                    said = True
            process.kill()
            watch.cancel()
            return output.decode(errors="replace")

        for name, options, wanted in (("DTLS 1.2", ["-dtls1_2"], "DTLSv1.2"), ("DTLS 1.0", ["-dtls1", "-cipher", "ALL:@SECLEVEL=0"], "DTLSv1"),
                                      ("in datagrams of 300 bytes", ["-dtls1_2", "-mtu", "300"], "DTLSv1.2")):
            output = openssl(*options)
            good = "hello again" in output and wanted in output and "Verify return code: 0 (ok)" in output
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: a datagram client: OpenSSL, {name}", output[-1500:] if not good else "")
        output = openssl("-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60")
        ours = process_log(server)
        keys = srtp_keys(output)
        good = keys and keys in ours
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: SRTP and its keys with OpenSSL's client", output[-800:] + ours if not good else "")
        for mtu in ("1400", "300"):
            done = subprocess.run(["gnutls-cli", "--udp", "--mtu", mtu, "--x509cafile", "root.pem", "--sni-hostname", "localhost", "--verify-hostname", "localhost", "-p", str(port), "127.0.0.1"],
                                  cwd=PKI, input=b"hello gnutls\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            good = b"Handshake was completed" in done.stdout
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: a datagram client: GnuTLS, MTU {mtu}", done.stdout[-800:].decode(errors="replace") if not good else "")
        good, outputs = True, ""
        for seed in range(4):
            with BadNetwork(port, seed) as network:
                output = openssl("-dtls1_2", at=network.port)
                good = good and "Verify return code: 0 (ok)" in output
                outputs += output[-300:]
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: OpenSSL's client over a bad network", outputs if not good else "")
        wine.end_servers()


@check
def check_sessions_are_resumed(wine):
    """What OpenSSL saved of a session is taken again: ids and tickets of TLS 1.2, tickets of TLS 1.3; or not, if the server has that off."""
    kept = WORK / "session.pem"
    for arch in wine.arches:
        for options, rows in (([], (("-tls1_2", True), ("-tls1_2 -no_ticket", True), ("-tls1_3", False))),
                              (["--tickets"], (("-tls1_2", True), ("-tls1_2 -no_ticket", True), ("-tls1_3", True))),
                              (["--tickets", "--legacy", "--protocols", "tls1.1,tls1.2"], (("-tls1_1", True),)),
                              (["--no-resumption", "--tickets"], (("-tls1_2", False), ("-tls1_3", False)))):
            _, port = wine.serve(arch, *options, "rsa.pfx")
            for row, expected in rows:
                words = row.split() + (OLD_CIPHERS if "tls1_1" in row else [])
                kept.unlink(missing_ok=True)
                s_client(port, *words, "-sess_out", str(kept))
                code, output = s_client(port, *words, *(["-sess_in", str(kept)] if kept.exists() else []))
                resumed = "\nReused, " in output and " resumed client" in output
                fresh = "\nNew, " in output and " new client" in output
                good = code == 0 and (resumed if expected else fresh)
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {' '.join(options) or 'ids'}, {row}: {'resumed' if expected else 'new'}", output[-1200:] if not good else "")
            wine.end_servers()


@check
def check_servers_ask_for_certificates(wine):
    for arch in wine.arches:
        _, port = wine.serve(arch, "--require", "--tickets", "rsa.pfx")
        for version in ("-tls1_2", "-tls1_3"):
            own = ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "client-rest.pem"]
            for options, expected in ((own, "client CN=client trusted"), ([], "403 Forbidden"),
                                      (["-cert", "member.pem", "-key", "member.key"], "client CN=member not trusted")):
                code, output = s_client(port, version, *options)
                good = code == 0 and expected in output
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {version} {expected}", output[-1500:] if not good else "")
            # A resumed session remembers who the client is; one of a client without a certificate helps nobody.
            kept = WORK / "session.pem"
            kept.unlink(missing_ok=True)
            s_client(port, version, *own, "-sess_out", str(kept))
            code, output = s_client(port, version, *own, *(["-sess_in", str(kept)] if kept.exists() else []))
            good = "client CN=client trusted" in output and "200 OK" in output
            report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: {version} resumed with its certificate", output[-1500:] if not good else "")
        wine.end_servers()


@check
def check_servers_ask_for_certificates_later(wine):
    """After the first request: by a new handshake in TLS 1.2, by a question of its own in TLS 1.3."""
    own = ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "client-rest.pem"]
    rows = (("-tls1_2", own, "client CN=client trusted"), ("-tls1_2", [], "client none"), ("-tls1_3", [*own, "-enable_pha"], "client CN=client trusted"),
            ("-tls1_3", ["-enable_pha"], "client none"), ("-tls1_3", own, "client none"))
    for arch in wine.arches:
        for tickets in ([], ["--tickets"]):  # nothing that is resumed in the new handshake may stand for an answer
            _, port = wine.serve(arch, "--later", *tickets, "rsa.pfx")
            for version, options, expected in rows:
                code, output = s_client(port, version, *options)
                good = code == 0 and expected in output
                report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: later, {version} {' '.join(tickets + options[-1:])}: {expected}", output[-1500:] if not good else "")
            wine.end_servers()


@check
def check_a_thousand_fetches_over_fifty_connections(wine):
    (WORK / "www").mkdir(exist_ok=True)
    data = bytes(range(256)) * 100
    (WORK / "www/some").write_bytes(data)
    for arch in wine.arches:
        server, port = wine.serve(arch, "--quiet", "--tickets", "--root", "Z:" + str(WORK / "www"), "rsa.pfx")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "50", "--cacert", str(PKI / "root.pem"), "-H", "Connection: close",
                                   "-o", f"{folder}/#1", f"https://localhost:{port}/some?[1-1000]"],
                                  env={k: v for k, v in os.environ.items() if k != "CURL_CA_BUNDLE"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
            files = list(Path(folder).iterdir())
            good = done.returncode == 0 and len(files) == 1000 and all(file.read_bytes() == data for file in files)
        report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: 1,000 fetches over 50 connections", (done.stdout.decode(errors="replace")[:600] + process_log(server)[-600:]) if not good else "")
        wine.end_servers()


def serve():
    """For a test in the debugger: `eval` what is printed, then run the program in the prefix."""
    pki.make(PKI, file_server(PKI))
    start_peers()
    print(f"export WINEPREFIX={WORK}/prefix8 PKI={PKI} PKI_CA_DER={PKI}/root.der SSPI_WAY=secur32 " + " ".join(f"{k}={v}" for k, v in ports.items()), flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass
    finally:
        stop_peers()


SOAK_HANDSHAKES, SOAK_MIB, SOAK_SECONDS = 1_000_000, 1 << 20, 600  # of the whole: a million handshakes, a TiB, ten minutes of 64 threads


def soak(wines, fraction):
    """Threads, handshakes and data for long, in a prefix of their own, so that other tests can run meanwhile."""
    pki.make(PKI, file_server(PKI))
    handshakes, mib, seconds = max(int(SOAK_HANDSHAKES * fraction), 100), max(int(SOAK_MIB * fraction), 100), max(int(SOAK_SECONDS * fraction), 5)
    for wine in wines:
        wine.prefix = WORK / f"prefix{wine.version}-soak"
        wine.make_prefix()
        for arch in wine.arches:
            name = f"Wine {wine.version} {arch} soak"
            code, output = wine.run("wine", BUILD / arch / "tests/sspi_threads.exe", "sspi_threads", "soak", handshakes, mib, seconds, cwd=BUILD / arch / "tests", timeout=40 * 3600,
                                    SSPI_WAY="secur32", SSPI_DLL="schannel.dll", WINETEST_PLATFORM="windows")
            print("".join(f"  {line}\n" for line in output.splitlines() if not re.match("PASS|FAIL", line)), end="", flush=True)
            verdicts = re.findall(r"^(PASS|FAIL) (.*)$", output, re.M)
            for verdict, test in verdicts or [("FAIL", f"ended with {code} before its time")]:
                report(verdict, f"{name}: {test}")
        wine.close()


def fuzz(wines, inputs):
    """Random calls through the door (tests/fuzz/wine.c), in 64 bit; the seeds are today's."""
    pki.make(PKI, file_server(PKI))
    seed = int(time.time()) % 1000000 * 1000
    for wine in wines:
        wine.prefix = WORK / f"prefix{wine.version}-fuzz"
        wine.make_prefix()
        if "x86_64" in wine.arches:
            code, output = wine.run("wine", BUILD / "x86_64/tests/fuzz_door.exe", seed, inputs, cwd=BUILD / "x86_64/tests", timeout=3600, SSPI_WAY="direct", SSPI_DLL="schannel.dll",
                                    WINEDEBUG="-all,warn+heap")
            report("PASS" if code == 0 and "PASS" in output else "FAIL", f"Wine {wine.version}: {inputs} inputs from {seed} on", f"ended with {code}: {output[-600:]}")
        wine.close()


def faults(wines, stride):
    """Calls that fail on order (tests/faults), in 64 bit."""
    pki.make(PKI, file_server(PKI))
    for wine in wines:
        wine.prefix = WORK / f"prefix{wine.version}-faults"  # whatever happens to it
        wine.make_prefix()
        if "x86_64" in wine.arches:
            folder = BUILD / "x86_64/faults"
            name = f"Wine {wine.version} calls that fail"
            code, output = wine.run("wine", folder / "door_faults.exe", "door_faults", stride, cwd=folder, timeout=4 * 3600, SSPI_WAY="direct", SSPI_DLL=f"Z:{folder}/schannel.dll",
                                    WINETEST_PLATFORM="windows")
            print("".join(f"  {line}\n" for line in output.splitlines()[-60:] if not re.match("PASS|FAIL", line)), end="", flush=True)
            verdicts = re.findall(r"^(PASS|FAIL) (.*)$", output, re.M)
            for verdict, test in verdicts or [("FAIL", f"ended with {code} before its time")]:
                report(verdict, f"{name}: {test}")
        wine.close()


# --- all of it ----------------------------------------------------------------------------------------------------


# More checks, in files of their own: they find this one as `run`.
sys.modules["run"] = sys.modules[__name__]
CHECKS = ("checks_client", "checks_setup", "checks_files")


def run_checks(functions, only, name, *arguments):
    for function in functions:
        if only and only not in function.__name__:
            continue
        started = time.time()
        try:
            function(*arguments)
        except Exception:
            report("FAIL", f"{name} {function.__name__}: came to its end", traceback.format_exc())
        print(f"  CHECK   {name} {function.__name__[6:].replace('_', ' ')}: {time.time() - started:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="test programs and checks with this in their name")
    parser.add_argument("--wine", choices=("8", "10"), help="only this Wine")
    parser.add_argument("--arch", choices=("x86_64", "i686"), help="only this architecture")
    parser.add_argument("--serve", action="store_true", help="start the servers, print where they are, and wait")
    parser.add_argument("--fuzz", type=int, metavar="INPUTS", help="random calls through the door instead")
    parser.add_argument("--faults", type=int, metavar="STRIDE", help="calls that fail on order, every so many, instead")
    parser.add_argument("--soak", type=float, metavar="FRACTION", help="ten minutes of threads, a million handshakes and a TiB of data, or that part of them, instead")
    args = parser.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    for name in CHECKS:
        importlib.import_module(name)
    if args.serve:
        serve()
        return 0
    wines = find_wines(args.wine)
    if args.fuzz:
        fuzz(wines, args.fuzz)
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed else 0
    if args.faults:
        faults(wines, args.faults)
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed else 0
    if args.soak:
        for wine in wines:
            wine.arches = [arch for arch in wine.arches if not args.arch or arch == args.arch]
        soak(wines, args.soak)
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed else 0
    pki.make(PKI, file_server(PKI))
    start_peers()
    try:
        if not args.wine and not args.arch:
            run_checks(checks_of_files, args.only, "files")
        for wine in wines:
            if args.arch:
                wine.arches = [arch for arch in wine.arches if arch == args.arch]
            if not wine.arches:
                continue
            wine.make_prefix()
            run_programs(wine, args.only)
            run_checks(checks, args.only, f"Wine {wine.version}", wine)
            wine.close()
    finally:
        stop_peers()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
