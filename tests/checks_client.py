"""What sspi-client does for the people who type its options: against OpenSSL, and against scripted servers of other protocols."""

import json
import re
import socket
import ssl
import subprocess
import threading
import time

import run
from run import PKI, WORK, check, report

CLIENT_SAYS = b"something typed\n"


def sspi_client(wine, arch, *args, typed=b"", keep=False, **env):
    """(exit code, what came on stdout, stderr). The output goes into files: Wine's services would keep a pipe open."""
    command = wine.command("wine", run.BUILD / arch / "tools/sspi-client.exe", *args)
    out, err = WORK / "client.out", WORK / "client.err"
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        process = subprocess.Popen(command, env=wine.environment(**env), cwd=WORK, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)
        try:
            process.stdin.write(typed)
            process.stdin.flush()
            if keep:  # what is typed has no end before the server has answered
                end = time.time() + 20
                while time.time() < end and process.poll() is None and CLIENT_SAYS.strip() not in out.read_bytes():
                    time.sleep(0.05)
            process.stdin.close()
            code = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            code = -1
        except BrokenPipeError:
            code = process.wait(60)
    return code, out.read_text(errors="replace").replace("\r", ""), err.read_text(errors="replace").replace("\r", "")


class DatagramEcho:
    """A `gnutls-serv --udp --echo`."""

    def __enter__(self):
        port = run.free_port()
        self.process = subprocess.Popen(["gnutls-serv", "--udp", "--echo", "--quiet", "--port", str(port), "--x509certfile", "rsa-chain.pem", "--x509keyfile", "rsa.key"],
                                        cwd=PKI, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # a UDP server cannot be asked whether it is there
        return port

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def verdict(wine, arch, what, good, detail):
    report("PASS" if good else "FAIL", f"Wine {wine.version} {arch}: sspi-client: {what}", str(detail)[-1500:] if not good else "")


# --- options and ends ---------------------------------------------------------------------------------------------


@check
def check_client_options(wine):
    arch = wine.arches[0]
    code, out, _ = sspi_client(wine, arch, "--help")
    names = re.findall(r"^  -(\w+)", out, re.M)
    verdict(wine, arch, "--help names each option once", code == 0 and len(names) == len(set(names)) > 25 and max(map(len, out.splitlines())) < 110, out)
    page = (run.TOP / "tools/man/sspi-client.1").read_text()
    missing = [name for name in names if f"\\-{name}" not in page]
    verdict(wine, arch, "its man page has every option", not missing, missing)
    url = f"https://localhost:{run.ports['PEER_NGINX']}/"
    for args in ([], ["--nonsense", url], ["ftp://localhost/"], [url, url], ["-connect", "localhost:1", url], ["-starttls", "smtp", url], ["-connect", "localhost:1", "-starttls", "gopher"],
                 ["-chunk", "some", url], ["-chunk"], ["-tls9", url], ["-protocols", "tls9", url], ["-legacy", "-ciphers", "TLS_AES_128_GCM_SHA256", url], ["-status", "-insecure", url],
                 ["-ciphers", "ECDHE-RSA-AES128-GCM-SHA256", url], ["-ciphers", "TLS_AES_128_GCM_SHA256,", "-quiet", url, "-ciphers", ""], ["-ciphers", "TLS_AES_128_GCM_SHA256,TLS_AES", url]):
        code, out, err = sspi_client(wine, arch, *args)
        verdict(wine, arch, f"{args}: a line and exit 2", code == 2 and not out and len(err.splitlines()) == 1, (code, out, err))
    for dashes in "-", "--":
        code, out, err = sspi_client(wine, arch, dashes + "quiet", url)
        verdict(wine, arch, f"options with {dashes}", code == 0 and out.startswith("TLS 1.3 "), (code, out, err))


@check
def check_client_ends(wine):
    """The exit codes, in text and in JSON."""
    unused = run.free_port()
    rows = (("PEER_NGINX", [], 0, None), ("PEER_UNTRUSTED", [], 5, "SEC_E_UNTRUSTED_ROOT"), ("PEER_EXPIRED", [], 5, "SEC_E_CERT_EXPIRED"),
            ("PEER_NGINX", ["-servername", "example.org"], 5, "SEC_E_WRONG_PRINCIPAL"), ("PEER_NGINX", ["-insecure", "-servername", "example.org"], 0, None),
            ("PEER_OPENSSL_TLS12", ["-tls1_3"], 4, None), ("PEER_OPENSSL_TLS12", ["-tls1_2"], 0, None), (None, [], 3, None))
    for arch in wine.arches:
        for peer, options, expected, name in rows:
            port = run.ports[peer] if peer else unused
            code, out, err = sspi_client(wine, arch, "-json", *options, f"https://localhost:{port}/")
            try:
                told = json.loads(out)
            except ValueError:
                told = {}
            good = code == expected == told.get("exit") and told.get("status_name", "status" if expected == 4 else None) in (name, "status", *(["SEC_E_UNSUPPORTED_FUNCTION"] if expected == 4 else []))
            good = good and (told.get("protocol", "").startswith("TLS 1.") if not expected else bool(told.get("failed")))
            verdict(wine, arch, f"{peer} {options}: exit {expected}", good, (code, out, err))
            code, _, err = sspi_client(wine, arch, *options, f"https://localhost:{port}/")
            verdict(wine, arch, f"{peer} {options}: a line for a person", code == expected and bool(err) == bool(expected), (code, err))
        broken = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=cut_off_in_the_middle, args=(broken,), daemon=True).start()
        code, out, err = sspi_client(wine, arch, f"https://localhost:{broken.getsockname()[1]}/")
        verdict(wine, arch, "a body that is cut off: exit 6", code == 6 and "should have had 1000 bytes" in err, (code, out, err))


def cut_off_in_the_middle(listener):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "rsa-chain.pem", PKI / "rsa.key")
    raw, _ = listener.accept()
    with context.wrap_socket(raw, server_side=True) as tls:
        tls.recv(4096)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")


# --- what it shows ------------------------------------------------------------------------------------------------


@check
def check_client_tells(wine):
    url = f"https://localhost:{run.ports['PEER_NGINX']}/"
    leaf = (PKI / "rsa.pem").read_text().split("-----BEGIN")[1].split("-----END")[0]
    for arch in wine.arches:
        code, out, err = sspi_client(wine, arch, "-json", "-showcerts", "-alpn", "http/1.1", url)
        told = json.loads(out)
        good = told["module"]["product"] == "schannel-gnutls" and told["alpn"] == "http/1.1" and told["bytes"] == len((WORK / "www/index.html").read_bytes())
        good = good and told["suite_id"] == 0x1302 and told["certificates"][0]["subject"] == "CN=localhost" and len(told["certificates"]) == 2
        for certificate in told["certificates"]:
            der = ssl.PEM_cert_to_DER_cert(certificate["pem"])
            good = good and run.hashlib.sha256(der).hexdigest() == certificate["sha256"]
        verdict(wine, arch, "JSON", good, out)
        code, out, err = sspi_client(wine, arch, "-showcerts", url.replace(str(run.ports["PEER_NGINX"]), str(run.ports["PEER_OPENSSL"])))
        verdict(wine, arch, "-showcerts prints the leaf and the rest", code == 0 and out.count("BEGIN CERTIFICATE") == 2 and re.sub(r"\s", "", leaf) in re.sub(r"\s", "", out), out)
        code, out, err = sspi_client(wine, arch, "-brief", "-output", "-", url)
        verdict(wine, arch, "-brief is three lines, then the body", code == 0 and len(out.splitlines()) == 4 and "It works" in out, (out, err))
        code, out, err = sspi_client(wine, arch, "-brief", "-showcerts", url)
        verdict(wine, arch, "-brief -showcerts: the certificates behind the three lines", code == 0 and out.count("BEGIN CERTIFICATE") == 2 and out.startswith("connected "), (out, err))
        code, out, err = sspi_client(wine, arch, "-json", "-reconnect", url)
        told = [json.loads(line) for line in out.splitlines()]
        verdict(wine, arch, "-reconnect resumes", [part["resumed"] for part in told] == [False, True], out)
        code, out, err = sspi_client(wine, arch, "-bench", "1", "-connect", f"localhost:{run.ports['PEER_OPENSSL']}")
        counts = re.findall(r"^(\w+) +(\d+) connections in", out, re.M)
        verdict(wine, arch, "-bench counts new and resumed connections", code == 0 and [name for name, _ in counts] == ["new", "again"] and all(int(count) > 1 for _, count in counts), (out, err))
        run.big_file()
        code, out, err = sspi_client(wine, arch, "-progress", "-quiet", "-chunk", "8000", url + "big")
        steps = [float(step) for step in re.findall(r"([\d.]+) % of 1073741824 bytes", err)]
        verdict(wine, arch, "-progress goes up to the end", code == 0 and steps == sorted(steps) and len(steps) > 1 and steps[-1] == 100, (code, out, steps))
        keys = WORK / "client-keys"
        keys.unlink(missing_ok=True)
        code, out, err = sspi_client(wine, arch, "-quiet", "-keylog", str(keys), url)
        verdict(wine, arch, "-keylog writes keys", code == 0 and keys.exists() and "CLIENT_TRAFFIC_SECRET_0 " in keys.read_text(), (out, err))


@check
def check_client_speaks_what_it_is_told(wine):
    rows = ((["-tls1_2"], "TLS 1.2", None), (["-tls1_3"], "TLS 1.3", None), (["-tls1_2", "-tls1_3"], "TLS 1.3", None), (["-tls1_2", "-ciphers", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], "TLS 1.2", 0xC02F),
            (["-ciphers", "TLS_AES_128_GCM_SHA256"], "TLS 1.3", 0x1301), (["-tls1_2", "-ciphers", "TLS_RSA_WITH_AES_128_CBC_SHA"], "TLS 1.2", 0x2F),
            (["-tls1_2", "-ciphers", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384:TLS_RSA_WITH_AES_256_CBC_SHA"], "TLS 1.2", 0xC028))
    for arch in wine.arches:
        for options, protocol, suite in rows:
            code, out, err = sspi_client(wine, arch, "-json", *options, f"https://localhost:{run.ports['PEER_OPENSSL']}/")
            told = json.loads(out)
            verdict(wine, arch, f"{' '.join(options)}", code == 0 and told["protocol"] == protocol and suite in (None, told["suite_id"]), (out, err))
        code, out, err = sspi_client(wine, arch, "-brief", "-cert", PKI / "client.pfx", "-password", "secret", "-tls1_2", "-output", "-", f"https://localhost:{run.ports['PEER_NGINX_ASKS']}/")
        verdict(wine, arch, "-cert", code == 0 and "SUCCESS CN=client" in out, (out, err))
        for peer, expected in ("PEER_STAPLED_GOOD", 0), ("PEER_STAPLED_REVOKED", 5), ("PEER_NOT_STAPLED", 5):
            code, out, err = sspi_client(wine, arch, "-status", "-brief", f"https://localhost:{run.ports[peer]}/")
            good = code == expected and ("it is not revoked" in out if not expected else "revoked" in err)
            verdict(wine, arch, f"-status, {peer}", good, (code, out, err))


@check
def check_client_relays(wine):
    for arch in wine.arches:
        port = run.ports["PEER_ECHO"]
        code, out, err = sspi_client(wine, arch, "-brief", "-connect", f"localhost:{port}", typed=CLIENT_SAYS, keep=True)
        verdict(wine, arch, "-connect: what is typed comes back", code == 0 and CLIENT_SAYS.decode() in out, (code, out, err))
        code, out, err = sspi_client(wine, arch, "-quiet", "-connect", f"localhost:{port}", typed=b"x" * 100000)
        verdict(wine, arch, "-connect: all of it, and the end is told", code == 0 and "x" * 100000 in out and "body 100000 closed properly" in out, (code, out[-200:], err))
        with DatagramEcho() as port:
            code, out, err = sspi_client(wine, arch, "-brief", "-dtls", "-connect", f"localhost:{port}", typed=CLIENT_SAYS, keep=True)
        verdict(wine, arch, "-dtls: what is typed comes back", code == 0 and CLIENT_SAYS.decode() in out and "DTLS 1.2" in out, (code, out, err))


# --- -starttls ----------------------------------------------------------------------------------------------------

LDAP_REQUEST = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
MYSQL_GREETING = b"\x0a8.0.36\0" + bytes(4) + b"saltsalt\0" + b"\xff\xff\x21\x02\0\xff\xdf\x15" + bytes(10) + b"saltsaltsalt\0mysql_native_password\0"
MYSQL_REQUEST = b"\x20\0\0\x01" + bytes.fromhex("05ae0300") + b"\0\0\0\x01\x21" + bytes(23)


def mysql_packet(body, number=0):
    return len(body).to_bytes(3, "little") + bytes([number]) + body


# What the server says and what it wants to hear, by turns; and an answer in the place of the last that means no.
SCRIPTS = {
    "smtp": ([b"220-mail\r\n220 ready\r\n", b"EHLO sspi-client\r\n", b"250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n", b"STARTTLS\r\n", b"220 go\r\n"], b"454 not now\r\n"),
    "imap": ([b"* OK ready\r\n", b"a STARTTLS\r\n", b"* CAPABILITY IMAP4rev1\r\na OK go\r\n"], b"a BAD what?\r\n"),
    "pop3": ([b"+OK ready\r\n", b"STLS\r\n", b"+OK go\r\n"], b"-ERR no\r\n"),
    "ftp": ([b"220-Welcome\r\n 220 no end\r\n220 ready\r\n", b"AUTH TLS\r\n", b"234 go\r\n"], b"500 what?\r\n"),
    "xmpp": ([None, b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
              b"<?xml version='1.0'?><stream:stream from='localhost'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
              b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
             b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"),
    "ldap": ([None, LDAP_REQUEST, bytes.fromhex("300c02010178070a010004000400")], bytes.fromhex("300c02010178070a013504000400")),
    "postgres": ([None, bytes.fromhex("0000000804d2162f"), b"S"], b"N"),
    "mysql": ([mysql_packet(MYSQL_GREETING), MYSQL_REQUEST], mysql_packet(MYSQL_GREETING.replace(b"\xff\xff\x21", b"\xff\xf7\x21"))),
}


class ScriptedServer:
    """Says its lines, byte by byte where `slow`, then echoes under TLS."""

    def __init__(self, script, slow):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.script, self.slow = script, slow
        self.heard, self.tls = [], False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PKI / "rsa-chain.pem", PKI / "rsa.key")
        try:
            raw, _ = self.listener.accept()
            raw.settimeout(20)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i, part in enumerate(self.script):
                if i % 2 == 0:
                    for at in range(0, len(part or b""), 1 if self.slow else 65536):
                        raw.sendall(part[at:at + (1 if self.slow else 65536)])
                        time.sleep(0.001 if self.slow else 0)
                else:
                    heard = b""
                    while len(heard) < len(part) and (more := raw.recv(len(part) - len(heard))):
                        heard += more
                    self.heard.append(heard == part)
            first = raw.recv(1, socket.MSG_PEEK)
            self.tls = first == b"\x16"
            if self.tls:
                with context.wrap_socket(raw, server_side=True) as tls:
                    while data := tls.recv(4096):
                        tls.sendall(data)
                    tls.unwrap()
            raw.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(20)


@check
def check_client_starttls(wine):
    """Each protocol whole and byte by byte; then a server that does not want to, and one whose answer brings more than it should: no TLS."""
    for arch in wine.arches:
        for protocol, (script, no) in SCRIPTS.items():
            for slow in False, True:
                with ScriptedServer(script, slow) as server:
                    code, out, err = sspi_client(wine, arch, "-brief", "-starttls", protocol, "-connect", f"localhost:{server.port}", typed=CLIENT_SAYS, keep=True)
                good = code == 0 and CLIENT_SAYS.decode() in out and server.tls and all(server.heard)
                verdict(wine, arch, f"-starttls {protocol}{', byte by byte' if slow else ''}", good, (code, out, err, server.heard))
            refusing = [*script[:-1], no] if len(script) % 2 else [no]
            injecting = [*script[:-1], script[-1] + b"250 x\r\n"] if len(script) % 2 else [script[0] + b"x"]
            for name, lines in ("that refuses", refusing), ("that says too much", injecting):
                with ScriptedServer(lines, False) as server:
                    code, out, err = sspi_client(wine, arch, "-brief", "-starttls", protocol, "-connect", f"localhost:{server.port}")
                verdict(wine, arch, f"-starttls {protocol} with a server {name}", code == 3 and not server.tls and "does not begin TLS" in err, (code, out, err))
            code, out, err = closed_early(wine, arch, protocol)
            verdict(wine, arch, f"-starttls {protocol} with a server that closes", code == 3 and "does not begin TLS" in err, (code, out, err))


def closed_early(wine, arch, protocol):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def close():
            raw, _ = listener.accept()
            raw.close()

        threading.Thread(target=close, daemon=True).start()
        return sspi_client(wine, arch, "-brief", "-starttls", protocol, "-connect", f"localhost:{listener.getsockname()[1]}")
