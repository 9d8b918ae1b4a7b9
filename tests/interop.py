#!/usr/bin/env python3
"""Who gets on with whom: every protocol and suite both sides know, in both roles, with the certificates there are, and what can be done beside a plain exchange.

    tests/interop.py [--wine 8|10] [--slice N/M] [--only TEXT] [--out FILE]

Against OpenSSL of Debian 12, OpenSSL of trixie (in the root that Wine 10 runs in) and GnuTLS. Prints a table a peer and writes one line a cell into build/check/interop.tsv:
wine, architecture, peer, our role, protocol, suite, certificate, what, result. A cell that cannot be says why and counts for nothing. --slice takes every Mth cell, the Nth of them
first. The last line is "N passed, N failed, N skipped".
"""

import argparse
import collections
import itertools
import os
import re
import select
import subprocess
import sys
import time

import pki
import run

PROTOCOLS = {"TLS 1.0": "tls1", "TLS 1.1": "tls1_1", "TLS 1.2": "tls1_2", "TLS 1.3": "tls1_3", "DTLS 1.0": "dtls1", "DTLS 1.2": "dtls1_2"}
NAMES = {"TLS 1.0": "tls1.0", "TLS 1.1": "tls1.1", "TLS 1.2": "tls1.2", "TLS 1.3": "tls1.3", "DTLS 1.0": "dtls1.0", "DTLS 1.2": "dtls1.2"}
OLD = ["ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AES256-SHA", "AES128-SHA"]
SUITES = {"TLS 1.3": run.SUITES["tls1_3"], "TLS 1.2": run.SUITES["tls1_2"], "DTLS 1.2": run.SUITES["tls1_2"], "TLS 1.1": OLD, "TLS 1.0": OLD, "DTLS 1.0": OLD}
CERTIFICATES = {"RSA": "rsa", "P-256": "ecdsa", "P-384": "ecdsa384", "P-521": "ecdsa521", "Ed25519": "ed25519"}
EXTRAS = ("client certificate", "resumption", "ALPN", "renegotiation", "KeyUpdate")
COMMANDS = {"renegotiation": b"R\n", "KeyUpdate": b"K\n"}  # of s_server and s_client

# What cannot be, and why.
HELD = "Wine's crypt32 holds no such key"
NO_EDDSA = "Windows has no Ed25519 in TLS"


def cells():
    """peer, role, protocol, suite, certificate, what"""
    for peer, role, protocol in itertools.product(("OpenSSL 3.0", "OpenSSL 3.5", "GnuTLS"), ("client", "server"), PROTOCOLS):
        for suite in SUITES[protocol]:
            if "ECDSA" in suite:
                certificates = ["P-256"]
            elif suite.startswith("TLS_"):
                certificates = ["RSA", "P-256"]
            else:
                certificates = ["RSA"]
            for certificate in certificates:
                yield peer, role, protocol, suite, certificate, "plain"
        for certificate in ("P-384", "P-521", "Ed25519"):
            yield peer, role, protocol, SUITES[protocol][0], certificate, "plain"
        suite = next(s for s in SUITES[protocol] if "ECDSA" not in s)
        for what in EXTRAS:
            yield peer, role, protocol, suite, "RSA", what


def impossible(peer, role, protocol, suite, certificate, what):
    datagrams = protocol.startswith("DTLS")
    if peer == "OpenSSL 3.5" and not (run.BUILD / "trixie/.ready").exists():
        return "the root folder of trixie could not be made"
    if what in COMMANDS:
        if (what == "KeyUpdate") != (protocol == "TLS 1.3"):
            return "the protocol has no such thing"
        if peer == "GnuTLS" or datagrams:
            return "no command of the peer's tools does that"
    if certificate == "Ed25519":
        return NO_EDDSA
    if role == "server" and certificate != "RSA":
        return HELD
    if certificate == "P-521" and peer != "GnuTLS" and protocol != "TLS 1.3":
        return "P-521 is none of the curves that are offered, on Windows either; OpenSSL heeds that for certificates, too"
    if datagrams and (what == "resumption" or (what == "client certificate" and role == "client")):
        return "held by tests/sspi_dtls.c, in one process"
    return None


# --- peers ----------------------------------------------------------------------------------------------------


def gnutls_priority(protocol, suite):
    version = {"TLS 1.0": "TLS1.0", "TLS 1.1": "TLS1.1", "TLS 1.2": "TLS1.2", "TLS 1.3": "TLS1.3", "DTLS 1.0": "DTLS1.0", "DTLS 1.2": "DTLS1.2"}[protocol]
    cipher = "AES-256" if "AES256" in suite or "AES_256" in suite else "AES-128"
    mode = "GCM" if "GCM" in suite else "CBC"
    mac = "AEAD" if mode == "GCM" else {"SHA384": "SHA384", "SHA256": "SHA256"}.get(suite.rsplit("-", 1)[-1], "SHA1")
    exchange = "ECDHE-ECDSA" if "ECDSA" in suite else "ECDHE-RSA" if "ECDHE" in suite else "RSA"
    exchanges = "" if suite.startswith("TLS_") else f":-KX-ALL:+{exchange}"
    return f"NORMAL:-VERS-ALL:+VERS-{version}:-CIPHER-ALL:+{cipher}-{mode}:-MAC-ALL:+{mac}{exchanges}:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1"


def openssl(peer, *arguments):
    command = ["openssl", *arguments]
    return [str(run.TOP / "tests/wine10-root.sh"), str(run.BUILD / "trixie"), "run", *command] if peer == "OpenSSL 3.5" else command


def suite_options(suite):
    return ["-ciphersuites", suite] if suite.startswith("TLS_") else ["-cipher", f"{suite}:@SECLEVEL=0"]


def server_command(peer, port, protocol, suite, certificate, what):
    cert = CERTIFICATES[certificate]
    if peer == "GnuTLS":
        command = ["gnutls-serv", "--quiet", "--port", str(port), "--x509certfile", f"{cert}-chain.pem", "--x509keyfile", f"{cert}.key", "--priority", gnutls_priority(protocol, suite)]
        command += ["--udp", "--echo"] if protocol.startswith("DTLS") else ["--http"]
        command += ["--x509cafile", "clients.pem", "--require-client-cert"] if what == "client certificate" else ["--disable-client-cert"]
        command += ["--alpn", "http/1.1"] if what == "ALPN" else []
        return command
    command = ["s_server", "-accept", f"127.0.0.1:{port}", *([] if what in COMMANDS else ["-quiet"]), f"-{PROTOCOLS[protocol]}", "-cert", f"{cert}.pem", "-key", f"{cert}.key", "-cert_chain", f"{cert}-rest.pem",
               *suite_options(suite)]
    command += [] if protocol.startswith("DTLS") or what in COMMANDS else ["-www"]
    command += ["-Verify", "3", "-verify_return_error", "-CAfile", "clients.pem"] if what == "client certificate" else []
    command += ["-alpn", "http/1.1"] if what == "ALPN" else []
    return openssl(peer, *command)


def client_command(peer, port, protocol, suite, what, kept):
    if peer == "GnuTLS":
        command = ["gnutls-cli", "--x509cafile", "root.pem", "--sni-hostname", "localhost", "--verify-hostname", "localhost", "-p", str(port), "127.0.0.1", "--priority",
                   gnutls_priority(protocol, suite)]
        command += ["--udp"] if protocol.startswith("DTLS") else []
        command += ["--x509certfile", "client-chain.pem", "--x509keyfile", "client.key"] if what == "client certificate" else []
        command += ["--alpn", "http/1.1"] if what == "ALPN" else []
        command += ["--resume"] if what == "resumption" else []
        return command
    command = ["s_client", "-connect", f"127.0.0.1:{port}", f"-{PROTOCOLS[protocol]}", "-CAfile", "root.pem", "-verify_return_error", "-servername", "localhost", *suite_options(suite)]
    command += [] if protocol.startswith("DTLS") or what in COMMANDS else ["-ign_eof"]
    command += ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "client-rest.pem"] if what == "client certificate" else []
    command += ["-alpn", "http/1.1"] if what == "ALPN" else []
    if what == "resumption":
        command += ["-sess_in" if kept.exists() else "-sess_out", str(kept)]
    return openssl(peer, *command)


class Server:
    """A peer's server, which answers a line over datagrams; or does as it is commanded before it answers a request."""

    def __init__(self, command, datagrams, order=None):
        self.process = subprocess.Popen(command, cwd=run.PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.datagrams, self.order = datagrams, order
        os.set_blocking(self.process.stdout.fileno(), False)
        self.output = b""

    def wait(self, port):
        if self.datagrams:
            time.sleep(0.25)
            return
        for _ in range(100):
            with open("/proc/net/tcp") as table:
                if re.search(rf": \S+:{port:04X} \S+ 0A", table.read()):
                    return
            time.sleep(0.03)

    def pump(self, seconds):
        """Answers what comes for so long."""
        end = time.time() + seconds
        while time.time() < end:
            select.select([self.process.stdout], [], [], 0.05)
            new = self.process.stdout.read() or b""
            self.output += new
            if b"hello" in new and self.datagrams:
                self.say(b"hello yourself\n")
            if self.order and b"GET /" in self.output:
                for line in self.order, b"HTTP/1.0 200 OK\r\n\r\nas it was said\r\n", b"Q\n":
                    self.say(line)
                    time.sleep(0.3)
                self.order = None

    def say(self, line):
        try:
            os.write(self.process.stdin.fileno(), line)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# --- one cell -------------------------------------------------------------------------------------------------


def ours_as_client(wine, arch, peer, protocol, suite, certificate, what):
    port = run.free_port()
    datagrams = protocol.startswith("DTLS")
    with Server(server_command(peer, port, protocol, suite, certificate, what), datagrams, COMMANDS.get(what)) as server:
        server.wait(port)
        if datagrams:
            program, arguments = "sspi-dtls", ["--insecure", "--protocols", NAMES[protocol], *(["--alpn", "http/1.1"] if what == "ALPN" else []), "localhost", port]
        else:
            arguments = ["--quiet", *(["--legacy"] if protocol in ("TLS 1.0", "TLS 1.1") else []), "--protocols", NAMES[protocol]]
            arguments += ["--cert", run.PKI / "client.pfx", "--password", "secret"] if what == "client certificate" else []
            arguments += ["--alpn", "http/1.1"] if what == "ALPN" else []
            arguments += ["--reconnect"] if what == "resumption" else []
            program, arguments = "sspi-client", [*arguments, f"https://localhost:{port}/"]
        process = subprocess.Popen(wine.command("wine", run.BUILD / arch / f"tools/{program}.exe", *arguments), env=wine.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        end = time.time() + 40
        while process.poll() is None and time.time() < end:
            server.pump(0.05)
        process.kill()
        output = process.stdout.read().decode(errors="replace")
        server.pump(0.05)
    good = process.returncode == 0 and f"{protocol} TLS_" in output
    if what == "ALPN":
        good = good and "alpn http/1.1" in output
    if what == "resumption":
        good = good and "resumed" in output
    if what in COMMANDS:
        good = good and b"SSL_do_handshake -> 1" in server.output and "body 16 " in output
    return good, output + server.output.decode(errors="replace")[-300:]


def ours_as_server(port, peer, protocol, suite, what):
    kept = run.WORK / "interop-session.pem"
    kept.unlink(missing_ok=True)
    datagrams = protocol.startswith("DTLS")
    output = ""
    for _ in range(2 if what == "resumption" and peer != "GnuTLS" else 1):
        process = subprocess.Popen(client_command(peer, port, protocol, suite, what, kept), cwd=run.PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(process.stdout.fileno(), False)
        said, seen, end = False, b"", time.time() + 20
        greeting = b"hello again\n" if datagrams else run.REQUEST
        while time.time() < end and process.poll() is None:
            select.select([process.stdout], [], [], 0.1)
            seen += process.stdout.read() or b""
            ready = (b"Handshake was completed" if what != "resumption" else b"Resume Handshake was completed") in seen or b"Verify return code" in seen
            if ready and not said:
                if what in COMMANDS:
                    process.stdin.write(COMMANDS[what])
                    process.stdin.flush()
                    time.sleep(0.3)
                process.stdin.write(greeting)
                process.stdin.flush()
                said = True
            if datagrams and said and seen.count(b"hello again"):
                break
            if not datagrams and said and b"</html>" in seen:
                time.sleep(0.1)
                break
        process.kill()
        process.wait()
        seen += process.stdout.read() or b""
        output = seen.decode(errors="replace")
    good = ("hello again" in output) if datagrams else f"{protocol} TLS_" in output
    if what == "client certificate" and not datagrams:
        good = good and "CN=client" in output
    if what == "ALPN" and not datagrams:
        good = good and "alpn http/1.1" in output
    if what in COMMANDS:
        good = good and {"renegotiation": "RENEGOTIATING", "KeyUpdate": "KEYUPDATE"}[what] in output
    if what == "resumption":
        good = good and ("resumed" in output or "Reused, TLS" in output)
    return good, output[-1200:]


# --- all of it ------------------------------------------------------------------------------------------------


def make_certificates():
    """What tests/pki.py has no need of."""
    maker = pki.Maker(run.PKI)
    for name, key in ("ecdsa384", "--key-type=ecdsa --curve=secp384r1"), ("ecdsa521", "--key-type=ecdsa --curve=secp521r1"), ("ed25519", "--key-type=ed25519"):
        maker.leaf(name, key=key)


def table(results):
    for peer in dict.fromkeys(key[0] for key in results):
        print(f"\n{peer}: passed of tried, by protocol")
        print(f"  {'':10}{'client':>14}{'server':>14}   " + "".join(f"{what:>20}" for what in ("plain", *EXTRAS)))
        for protocol in PROTOCOLS:
            def count(match):
                found = [good for (p, role, v, what), good_list in results.items() if p == peer and v == protocol and match(role, what) for good in good_list]
                return f"{sum(found)}/{len(found)}" if found else "-"
            print(f"  {protocol:10}{count(lambda r, w: r == 'client'):>14}{count(lambda r, w: r == 'server'):>14}   " +
                  "".join(f"{count(lambda r, w, what=what: w == what):>20}" for what in ("plain", *EXTRAS)))


def main():
    parser = argparse.ArgumentParser(description="interoperability with OpenSSL and GnuTLS")
    parser.add_argument("--wine", choices=("8", "10"))
    parser.add_argument("--slice", default="0/1")
    parser.add_argument("--only", default="", help="cells with that in their words, such as 'server, TLS 1.2'")
    parser.add_argument("--out", default=str(run.WORK / "interop.tsv"))
    options = parser.parse_args()
    first, step = (int(part) for part in options.slice.split("/"))

    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        os.environ.pop(name, None)
    run.WORK.mkdir(parents=True, exist_ok=True)
    pki.make(run.PKI, run.free_port())
    make_certificates()
    results, lines = collections.defaultdict(list), []
    passed = failed = skipped = 0
    for wine in run.find_wines(options.wine):
        wine.make_prefix()
        for arch in wine.arches:
            common = ["--ask", "--tickets", "--alpn", "http/1.1"]
            servers = {version: wine.serve(arch, *common, *(["--legacy"] if old else []), "--protocols", version, "rsa.pfx")[1]
                       for version, old in (("tls1.0", True), ("tls1.1", True), ("tls1.2", False), ("tls1.3", False))}
            plain = {version: wine.serve(arch, "--tickets", *(["--legacy"] if version in ("tls1.0", "tls1.1") else []), "--protocols", version, "rsa.pfx")[1] for version in servers}
            datagram = wine.start_server(arch, "sspi-dtls", "--listen", "--password", "secret", "--ask", "--alpn", "http/1.1", "--protocols", "dtls1.0,dtls1.2", "0", "rsa.pfx")[1]
            for number, cell in enumerate(cells()):
                peer, role, protocol, suite, certificate, what = cell
                reason = impossible(*cell)
                if reason:
                    lines.append((wine.version, arch, *cell, f"impossible: {reason}"))
                    skipped += 1
                    continue
                if number % step != first or options.only not in ", ".join(cell):
                    continue
                if role == "client":
                    good, output = ours_as_client(wine, arch, peer, protocol, suite, certificate, what)
                else:
                    version = NAMES[protocol]
                    port = datagram if protocol.startswith("DTLS") else servers[version] if what in ("client certificate", "ALPN") else plain[version]
                    good, output = ours_as_server(port, peer, protocol, suite, what)
                lines.append((wine.version, arch, *cell, "passed" if good else "failed"))
                results[peer, role, protocol, what].append(good)
                passed, failed = passed + good, failed + (not good)
                if not good:
                    print(f"  FAIL  Wine {wine.version} {arch}: {', '.join(cell)}\n" + "\n".join("          " + line for line in output.splitlines()[-12:]), flush=True)
            wine.end_servers()
        wine.close()
    with open(options.out, "w") as out:
        out.write("wine\tarchitecture\tpeer\trole\tprotocol\tsuite\tcertificate\twhat\tresult\n")
        for line in lines:
            out.write("\t".join(str(part) for part in line) + "\n")
    table(results)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
