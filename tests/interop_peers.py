"""The other side of the matrix (interop.py): OpenSSL's and GnuTLS's tools as servers and clients, nginx and Apache as servers."""

import itertools
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import run

SECONDS = 40  # that anything may take; nothing waits for as long when all is well

# Each protocol in the words of OpenSSL's tools, of GnuTLS, of ours, and of nginx and Apache.
PROTOCOLS = {
    "TLS 1.0": ("tls1", "TLS1.0", "tls1.0", "TLSv1"),
    "TLS 1.1": ("tls1_1", "TLS1.1", "tls1.1", "TLSv1.1"),
    "TLS 1.2": ("tls1_2", "TLS1.2", "tls1.2", "TLSv1.2"),
    "TLS 1.3": ("tls1_3", "TLS1.3", "tls1.3", "TLSv1.3"),
    "DTLS 1.0": ("dtls1", "DTLS1.0", "dtls1.0", None),
    "DTLS 1.2": ("dtls1_2", "DTLS1.2", "dtls1.2", None),
}
CERTIFICATES = {"RSA": "rsa", "P-256": "ecdsa", "P-384": "ecdsa384", "P-521": "ecdsa521", "Ed25519": "ed25519"}
CLIENT = ["-cert", "client.pem", "-key", "client.key", "-cert_chain", "client-rest.pem"]
PSK_OPTION = f"somebody:{run.PSK}"  # of ours; and of gnutls-serv, in a file
PSK = ["-psk_identity", "somebody", "-psk", run.PSK]
ASKS = ["-Verify", "3", "-verify_return_error", "-CAfile", "clients.pem"]


def is_datagrams(protocol):
    return protocol.startswith("DTLS")


# --- names of suites ----------------------------------------------------------------------------------------------


def iana(suite):
    """IANA's name of a suite, which is Windows', for OpenSSL's. Those that OpenSSL does not know have no other."""
    if suite.startswith("TLS_"):
        return suite
    exchange, cipher, mac = re.fullmatch(r"(ECDHE-ECDSA-|ECDHE-RSA-|DHE-RSA-|PSK-|)(.+)-(\w+)", suite).groups()
    cipher = {"AES256": "AES_256_CBC", "AES128": "AES_128_CBC"}.get(cipher) or cipher.replace("AES", "AES_").replace("-", "_")
    return f"TLS_{exchange.rstrip('-').replace('-', '_') or 'RSA'}_WITH_{cipher}_{mac}"


def gnutls_priority(protocol, suite):
    """What leaves that suite of that protocol and nothing else."""
    exchange, cipher, mac = re.fullmatch(r"TLS_(?:(\w+)_WITH_)?(\w+)_(\w+)", iana(suite)).groups()
    cipher = {"3DES_EDE_CBC": "3DES-CBC", "RC4_128": "ARCFOUR-128"}.get(cipher, cipher.replace("_", "-"))
    mac = "AEAD" if cipher.endswith(("GCM", "POLY1305")) else {"SHA": "SHA1"}.get(mac, mac)
    exchanges = f":-KX-ALL:+{exchange.replace('_', '-')}" if exchange else ""
    return f"NORMAL:-VERS-ALL:+VERS-{PROTOCOLS[protocol][1]}:-CIPHER-ALL:+{cipher}:-MAC-ALL:+{mac}{exchanges}:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1"


# --- processes ----------------------------------------------------------------------------------------------------

numbers = itertools.count(20000 + os.getpid() % 8000)  # below those that the kernel gives to clients
numbers_lock = threading.Lock()


def free_port():
    """A port on loopback that nobody has, neither for TCP nor for UDP; the same is not given twice."""
    while True:
        with numbers_lock:
            port = next(numbers)
        try:
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue


class Tool:
    """A peer's program. What it prints is gathered, and can be waited for."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, cwd=run.PKI, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output, self.ended, self.news = b"", False, threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            with self.news:
                self.output += data
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def heard(self, words, times=1, seconds=SECONDS):
        """Waits until it has said so as often. False: it ended, or that took too long."""
        with self.news:
            self.news.wait_for(lambda: self.ended or self.output.count(words) >= times, seconds)
            return self.output.count(words) >= times

    def say(self, line):
        try:
            os.write(self.process.stdin.fileno(), line)
        except OSError:
            pass

    def hang_up(self):
        self.process.stdin.close()

    def text(self):
        return self.output.decode(errors="replace").replace("\r", "")

    def finish(self):
        """Waits for its end, and for all it has to say."""
        try:
            self.process.wait(SECONDS)
            self.reader.join(SECONDS)
        except subprocess.TimeoutExpired:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join(1)
        self.process.stdout.close()
        if not self.process.stdin.closed:
            self.process.stdin.close()


class Ours:
    """One of our programs, under Wine. It prints into a file: processes that Wine starts beside it inherit a pipe, and keep it open."""

    def __init__(self, wine, arch, program, *arguments):
        self.printed = tempfile.TemporaryFile()
        self.process = subprocess.Popen(wine.command("wine", run.BUILD / arch / f"tools/{program}.exe", *arguments), env=wine.environment(), stdin=subprocess.DEVNULL, stdout=self.printed,
                                        stderr=subprocess.STDOUT)

    def wait_with(self, tool, words, times=1):
        """Waits until the tool says so, or our program has nothing more to tell it."""
        end = time.time() + SECONDS
        while not tool.heard(words, times, 0.5):
            if tool.ended or self.process.poll() is not None or time.time() > end:
                return tool.heard(words, times, 0)
        return True

    def result(self):
        """(exit code, what it printed); the code is -1 when it did not come to its end."""
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = -1
        self.printed.seek(0)
        output = self.printed.read().decode(errors="replace").replace("\r", "")
        self.printed.close()
        return code, output + ("\n(timed out)" if code == -1 else "")


def wait_until_listening(tool, port, datagrams):
    """By the kernel's table: a connection would be one too many for these servers, and over UDP there is none."""
    table, state = ("udp", "07") if datagrams else ("tcp", "0A")
    for _ in range(SECONDS * 100):
        with open(f"/proc/net/{table}") as sockets:
            if re.search(rf": [0-9A-F]+:{port:04X} \S+ {state}", sockets.read()):
                return
        if tool.ended or tool.heard(b"\0", 1, 0.01):
            return


# --- OpenSSL and GnuTLS -------------------------------------------------------------------------------------------


def openssl(peer, *arguments):
    command = ["openssl", *arguments]
    return [str(run.TOP / "tests/wine10-root.sh"), str(run.BUILD / "trixie"), "run", *command] if peer == "OpenSSL 3.5" else command


def suite_options(suite):
    return ["-ciphersuites", suite] if suite.startswith("TLS_") else ["-cipher", f"{suite}:@SECLEVEL=0"]


def kind_of_server(what):
    """What kind of server a cell needs: "page" serves any number of clients, "asks" too, and wants a certificate; "commands" does what it is told, once."""
    if what == "client certificate":
        return "asks"
    return "commands" if what in ("renegotiation", "KeyUpdate", "late certificate") else "page"


def server_command(cell, kind, port):
    peer, _, protocol, suite, certificate, _ = cell
    cert = CERTIFICATES.get(certificate)
    if peer == "GnuTLS":
        own = ["--x509certfile", f"{cert}-chain.pem", "--x509keyfile", f"{cert}.key"] if cert else ["--pskpasswd", "psk.txt"]
        command = ["gnutls-serv", *([] if kind == "commands" else ["--quiet"]), "--port", str(port), *own, "--priority", gnutls_priority(protocol, suite), "--alpn", "http/1.1",
                   *(["--udp"] if is_datagrams(protocol) else [])]
        command += ["--echo"] if kind == "commands" or is_datagrams(protocol) else ["--http"]
        command += ["--x509cafile", "clients.pem"] if kind != "page" else []
        return command + ["--require-client-cert" if kind == "asks" else "--disable-client-cert"]
    own = ["-cert", f"{cert}.pem", "-key", f"{cert}.key", "-cert_chain", f"{cert}-rest.pem"] if cert else ["-nocert", *PSK]
    command = ["s_server", "-accept", f"127.0.0.1:{port}", f"-{PROTOCOLS[protocol][0]}", *own, "-alpn", "http/1.1", *suite_options(suite)]
    command += {"page": [], "asks": ASKS, "commands": ["-state", "-CAfile", "clients.pem"]}[kind]
    command += ["-www"] if kind != "commands" and not is_datagrams(protocol) else []
    return openssl(peer, *command)


class Server(Tool):
    """OpenSSL's or GnuTLS's server for a cell, or for several."""

    def __init__(self, cell, kind):
        self.port, self.answers = free_port(), 0
        super().__init__(server_command(cell, kind, self.port))
        wait_until_listening(self, self.port, is_datagrams(cell.protocol))


def client_command(cell, port, kept):
    """OpenSSL's or GnuTLS's client. `kept`: a file for OpenSSL's session, which it resumes when it is there."""
    peer, _, protocol, suite, certificate, what = cell
    shows = what in ("client certificate", "late certificate")
    if peer == "GnuTLS":
        command = ["gnutls-cli", "--x509cafile", "root.pem", "--sni-hostname", "localhost", "--verify-hostname", "localhost", "-p", str(port), "127.0.0.1", "--priority",
                   gnutls_priority(protocol, suite), "--inline-commands"]
        command += ["--udp"] if is_datagrams(protocol) else []
        command += ["--x509certfile", "client-chain.pem", "--x509keyfile", "client.key", "--post-handshake-auth"] if shows else []
        command += ["--alpn", "http/1.1"] if what == "ALPN" else []
        command += ["--pskusername", "somebody", "--pskkey", run.PSK] if certificate == "none" else []
        return command + (["--resume"] if what == "resumption" else [])
    command = ["s_client", "-connect", f"127.0.0.1:{port}", f"-{PROTOCOLS[protocol][0]}", "-CAfile", "root.pem", "-verify_return_error", "-servername", "localhost", "-state",
               *suite_options(suite)]
    command += [*CLIENT, "-enable_pha"] if shows else []
    command += ["-alpn", "http/1.1"] if what == "ALPN" else []
    command += PSK if certificate == "none" else []
    if what == "resumption":
        command += ["-sess_in" if kept.exists() else "-sess_out", str(kept)]
    return openssl(peer, *command)


# --- nginx and Apache ---------------------------------------------------------------------------------------------

WWW = "www-interop"


def sites(cells, peer):
    """The servers these cells need: (protocol, suite, certificate, asks) and the port of each."""
    wanted = dict.fromkeys((c.protocol, c.suite, c.certificate, c.what == "client certificate") for c in cells if c.peer == peer)
    return {site: free_port() for site in wanted}


def nginx_site(site, port):
    protocol, suite, certificate, asks = site
    cert = CERTIFICATES[certificate]
    suites = f"ssl_conf_command Ciphersuites {suite};" if suite.startswith("TLS_") else f"ssl_ciphers {suite}:@SECLEVEL=0;"
    client = f"ssl_client_certificate {run.PKI}/clients.pem; ssl_verify_client on; ssl_verify_depth 3;" if asks else ""
    return f"""
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_protocols {PROTOCOLS[protocol][3]}; {suites} ssl_dhparam {run.PKI}/dh2048.pem;
        ssl_certificate {run.PKI}/{cert}-chain.pem; ssl_certificate_key {run.PKI}/{cert}.key;
        {client}
        location / {{ return 200 "$ssl_protocol $ssl_cipher client $ssl_client_verify $ssl_client_s_dn\\n"; }}
    }}"""


def start_nginx(ports):
    work = run.WORK
    conf = work / "nginx-interop.conf"
    conf.write_text(f"""
daemon off; pid {work}/nginx-interop.pid; error_log {work}/nginx.err; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {work}/nginx-tmp; proxy_temp_path {work}/nginx-tmp; fastcgi_temp_path {work}/nginx-tmp;
    uwsgi_temp_path {work}/nginx-tmp; scgi_temp_path {work}/nginx-tmp;
    {"".join(nginx_site(site, port) for site, port in ports.items())}
}}
""")
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(conf), "-p", str(work), "-e", str(work / "nginx.err")]


def apache_site(site, port, other):
    protocol, suite, certificate, asks = site
    cert = CERTIFICATES[certificate]
    suites = f"SSLCipherSuite TLSv1.3 {suite}" if suite.startswith("TLS_") else f"SSLCipherSuite {suite}:@SECLEVEL=0"
    again = f"<Location /again>\n SSLCipherSuite {other}:@SECLEVEL=0\n </Location>" if other else ""
    client = "SSLVerifyClient require\n SSLVerifyDepth 3" if asks else ""
    return f"""
<VirtualHost 127.0.0.1:{port}>
 Protocols h2 http/1.1
 SSLEngine on
 SSLProtocol {PROTOCOLS[protocol][3]}
 {suites}
 SSLCertificateFile {run.PKI}/{cert}-chain.pem
 SSLCertificateKeyFile {run.PKI}/{cert}.key
 SSLOpenSSLConfCmd DHParameters {run.PKI}/dh2048.pem
 SSLCACertificateFile {run.PKI}/clients.pem
 {client}
 {again}
 <Location /private>
  SSLVerifyClient require
  SSLVerifyDepth 3
 </Location>
</VirtualHost>"""


def start_apache(ports, other_suite):
    """`other_suite`: of a site, what /again allows instead; None: nothing."""
    work = run.WORK
    page = ('<!--#echo var="SSL_PROTOCOL" --> <!--#echo var="SSL_CIPHER" --> client <!--#echo var="SSL_CLIENT_VERIFY" --> <!--#echo var="SSL_CLIENT_S_DN" -->\n')
    for folder in "", "again", "private":
        (work / WWW / folder).mkdir(parents=True, exist_ok=True)
        (work / WWW / folder / "index.shtml").write_text(page)
    modules = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
                        for m in ("mpm_event", "authn_core", "authz_core", "dir", "mime", "include", "setenvif", "socache_shmcb", "ssl", "http2"))
    conf = work / "apache-interop.conf"
    conf.write_text(f"""
ServerRoot {work}
ServerName localhost
{modules}
{"".join(f"Listen 127.0.0.1:{port}" + chr(10) for port in ports.values())}
PidFile {work}/apache-interop.pid
ErrorLog {work}/apache.err
TypesConfig /dev/null
AddType text/html shtml
AddOutputFilter INCLUDES shtml
SetEnvIf Request_URI . downgrade-1.0 force-response-1.0
User www-data
Group www-data
DocumentRoot {work}/{WWW}
DirectoryIndex index.shtml
Mutex file:{work} default
SSLSessionCache shmcb:{work}/apache-interop-sessions(512000)
SSLOptions +StdEnvVars
<Directory {work}/{WWW}>
 Options +Includes
 Require all granted
</Directory>
{"".join(apache_site(site, port, other_suite(site)) for site, port in ports.items())}
""")
    (work / "apache-interop.pid").unlink(missing_ok=True)
    return [shutil.which("apache2") or "/usr/sbin/apache2", "-f", str(conf), "-DFOREGROUND"]


class WebServers:
    """nginx and Apache, with a site for each kind of connection that the cells want."""

    def __init__(self, cells, other_suite):
        self.tools, self.ports = [], {peer: sites(cells, peer) for peer in ("nginx", "Apache")}
        for peer, ports in self.ports.items():
            if not ports:
                continue
            tool = Tool(start_nginx(ports) if peer == "nginx" else start_apache(ports, other_suite))
            self.tools.append(tool)
            for port in ports.values():
                wait_until_listening(tool, port, False)
            if tool.ended:
                raise RuntimeError(f"{peer} does not start: {tool.text()}; see {run.WORK}/{peer.lower()}.err")

    def port(self, cell):
        return self.ports[cell.peer][cell.protocol, cell.suite, cell.certificate, cell.what == "client certificate"]

    def end(self):
        for tool in self.tools:
            tool.process.terminate()  # so that it takes its children along
            tool.finish()
            tool.__exit__()
