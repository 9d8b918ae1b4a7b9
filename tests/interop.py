#!/usr/bin/env python3
"""Who gets on with whom: every protocol and suite both sides know, in both roles, with the certificates there are, and all that can be done with a connection.

    tests/interop.py [--wine 8|10] [--arch x86_64|i686] [--slice N/M] [--only TEXT] [--jobs N] [--out FILE]
    tests/interop.py --table FILE

Against OpenSSL of Debian 12, OpenSSL of trixie (in the root that Wine 10 runs in) and GnuTLS in both roles, against nginx and Apache as servers. Suites and curves that are off by
default come last, with the lists of the registry that turn them on. Writes one line a cell into build/check/interop.tsv: wine, architecture, peer, our role, protocol, suite,
certificate, what, result. A cell that cannot be says why, and counts for nothing. --slice takes a Mth of the cells, the Nth of them first; --table makes README's tables of such a file.
The last line is "N passed, N failed, N skipped".
"""

import argparse
import collections
import concurrent.futures
import itertools
import os
import re
import sys
import time
import zlib
from pathlib import Path

import pki
import run
from interop_peers import CERTIFICATES, PROTOCOLS, PSK_OPTION, Ours, Server, Tool, WebServers, client_command, iana, is_datagrams, kind_of_server

Cell = collections.namedtuple("Cell", "peer role protocol suite certificate what")

TOOLS, WEB = ("OpenSSL 3.0", "OpenSSL 3.5", "GnuTLS"), ("nginx", "Apache")
OLD = ["ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AES256-SHA", "AES128-SHA"]
SUITES = {"TLS 1.0": OLD, "TLS 1.1": OLD, "TLS 1.2": run.SUITES["tls1_2"], "TLS 1.3": run.SUITES["tls1_3"], "DTLS 1.0": OLD, "DTLS 1.2": run.SUITES["tls1_2"]}

# Off by default: the registry's list names them.
DHE_GCM = ["DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256"]
WEAK = ["TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_RC4_128_MD5", "NULL-SHA", "NULL-MD5"]
ON_NAME_OLD = ["DHE-RSA-AES256-SHA", "DHE-RSA-AES128-SHA", *WEAK]
ON_NAME_12 = [*DHE_GCM, *ON_NAME_OLD, "NULL-SHA256"]
ON_NAME = {"TLS 1.0": ON_NAME_OLD, "TLS 1.1": ON_NAME_OLD, "TLS 1.2": ON_NAME_12, "TLS 1.3": ["TLS_CHACHA20_POLY1305_SHA256"], "DTLS 1.0": ON_NAME_OLD, "DTLS 1.2": ON_NAME_12}

# What is done with a connection. "late certificate": the server asks for one when data has flowed already, by a new handshake or, in TLS 1.3, after the handshake.
WHATS = ("plain", "client certificate", "resumption", "ALPN", "renegotiation", "KeyUpdate", "late certificate")
SHOWING = ("client certificate", "late certificate")  # the client shows one
H2 = "HTTP/2"  # of nginx and Apache: ALPN with more behind it
COMMANDS = {"renegotiation": b"R\n", "KeyUpdate": b"K\n"}  # of s_server and s_client
INLINE = {"renegotiation": (b"^renegotiate^\n", b"ReHandshake was completed"), "KeyUpdate": (b"^rekey^\n", b"Rekey was completed")}  # of gnutls-cli, and what it says then

# With a pre-shared key, and no certificates: a program asks for them, and gets no others.
PSK = ["PSK-AES256-GCM-SHA384", "PSK-AES128-GCM-SHA256", "PSK-AES256-CBC-SHA384", "PSK-AES128-CBC-SHA256", "PSK-NULL-SHA384", "PSK-NULL-SHA256"]

POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"


# --- cells --------------------------------------------------------------------------------------------------------


def certificates_for(suite):
    return CERTIFICATES if suite.startswith("TLS_AES") else ("RSA", "P-256") if suite.startswith("TLS_CHACHA") else [c for c in CERTIFICATES if c != "RSA"] if "ECDSA" in suite else ["RSA"]


def cells():
    for peer, role in [*itertools.product(TOOLS, ("client", "server")), *((peer, "client") for peer in WEB)]:
        for protocol in PROTOCOLS:
            for suite in SUITES[protocol] + ON_NAME[protocol]:
                for certificate, what in itertools.product(certificates_for(suite), (*WHATS, *([H2] if peer in WEB else []))):
                    yield Cell(peer, role, protocol, suite, certificate, what)
        for suite in PSK:
            yield Cell(peer, role, "TLS 1.2", suite, "none", "plain")


def is_on_name(cell):
    """The registry has to turn it on. P-521 is none of the curves that are offered, and OpenSSL heeds that for certificates, too, up to TLS 1.2."""
    return cell.suite in ON_NAME[cell.protocol] or (cell.certificate == "P-521" and cell.peer != "GnuTLS" and cell.protocol != "TLS 1.3")


def is_weak(cell):
    return cell.suite in WEAK or "NULL" in cell.suite


def takes_h2(suite):
    """RFC 9113, appendix A, leaves ephemeral keys with an AEAD."""
    return suite.startswith("TLS_") or ("DHE" in suite and "GCM" in suite)


def never(cell):
    """What nobody can, whatever the peer."""
    if cell.what == "renegotiation" and cell.protocol == "TLS 1.3" or cell.what == "KeyUpdate" and cell.protocol != "TLS 1.3":
        return f"there is no {cell.what} in {'TLS 1.3' if cell.protocol == 'TLS 1.3' else 'anything but TLS 1.3'}"
    if cell.certificate == "Ed25519":
        return "Windows has no Ed25519 in TLS"
    if cell.role == "server" and cell.certificate not in ("RSA", "none"):
        return "Wine's crypt32 holds no such key"
    if is_datagrams(cell.protocol) and "RC4" in cell.suite:
        return "RC4 over datagrams is forbidden (RFC 6347, 4.1.2.2)"
    if cell.role == "server" and is_datagrams(cell.protocol):
        if cell.what == "renegotiation":
            return "a server over datagrams refuses the new handshake a client asks for: it cannot be told from the end of the first, said again"
        if cell.what == "late certificate":
            return "a server over datagrams has no call to ask with: one without input says the last flight again"
    return None


def beyond_the_peer(cell):
    """What this peer cannot."""
    if cell.peer == "OpenSSL 3.5" and not (run.BUILD / "trixie/.ready").exists():
        return "the root folder of trixie could not be made"
    if cell.peer in WEB and is_datagrams(cell.protocol):
        return f"{cell.peer} has no DTLS"
    if cell.peer != "GnuTLS" and cell.suite.startswith("TLS_RSA_"):
        return "Debian's OpenSSL is built without 3DES and RC4"
    if cell.peer in WEB and cell.suite in PSK:
        return f"{cell.peer} has no pre-shared keys"
    if cell.peer == "Apache" and "NULL" in cell.suite:
        return "Apache leaves suites without encryption out, whatever it is told"
    if cell.peer == "nginx" and cell.what in ("renegotiation", "KeyUpdate", "late certificate"):
        return "nginx never asks for anything after the handshake"
    if cell.peer == "Apache" and cell.what == "KeyUpdate":
        return "Apache never asks for one"
    if cell.peer == "GnuTLS" and cell.role == "client":
        if cell.what == "KeyUpdate":
            return "gnutls-serv has no command for it"
        if cell.what == "late certificate" and cell.protocol != "TLS 1.3":
            return "gnutls-serv asks in TLS 1.3 only"
    if cell.what == H2 and not takes_h2(cell.suite):
        return "HTTP/2 forbids the suite (RFC 9113, appendix A)"
    return None


def impossible(cell):
    return never(cell) or beyond_the_peer(cell)


def other_suite(site):
    """What Apache wants instead, when it wants another one in the middle of a connection."""
    protocol, suite, _, _ = site
    alike = [s for s in SUITES[protocol] if ("ECDSA" in s) == ("ECDSA" in suite) and s != suite]
    return alike[0] if protocol != "TLS 1.3" else None


# --- we are the client --------------------------------------------------------------------------------------------


def client_arguments(cell, page):
    """Our client's program, and its arguments up to the URL; page: where to put what the server says of the connection."""
    shows = ["--cert", run.PKI / "client.pfx"] if cell.what in SHOWING else []
    common = ["--protocols", PROTOCOLS[cell.protocol][2], "--password", "secret", *(["--reconnect"] if cell.what == "resumption" else []),
              *(["--alpn", "h2" if cell.what == H2 else "http/1.1"] if cell.what in ("ALPN", H2) else [])]
    if is_datagrams(cell.protocol):
        return "sspi-dtls", [*common, "--insecure"]
    if cell.suite in PSK:
        shows = ["--psk", PSK_OPTION]
    # Whether a certificate is good has nothing to do with the rest, and crypt32 takes its time: once for each suite is enough.
    unseen = [] if cell.what == "plain" else ["--insecure"]
    how = [*(["--legacy"] if cell.protocol in ("TLS 1.0", "TLS 1.1") else []), *(["--weak"] if is_weak(cell) else [])]
    return "sspi-client", ["--quiet", *common, *shows, *unseen, *how, "--output", f"Z:{page}"]


def command_server(cell, server, client):
    """Has the server do what the cell wants when our client has said something, and answer then."""
    datagrams = is_datagrams(cell.protocol)
    if not client.wait_with(server, b"hello\n" if datagrams else b"GET /"):
        return False
    command = b"c\n" if (cell.what, cell.protocol) == ("late certificate", "TLS 1.3") else COMMANDS.get(cell.what, b"R\n")
    server.say(command)
    if not client.wait_with(server, b"SSL_do_handshake -> 1"):
        return False
    if cell.what != "KeyUpdate" and not client.wait_with(server, b"read finished", 2):  # the answer to what it has asked
        return False
    server.say(b"hello yourself\n" if datagrams else b"HTTP/1.0 200 OK\r\n\r\nas it was said\r\n")
    if not datagrams:
        server.hang_up()  # which it notices when it has sent that
    return True


def talk_to_tool(place, cell, server, page):
    """Our client against OpenSSL's or GnuTLS's server: (whether the server's side was as it should be, the code our client ended with, what it said)."""
    program, arguments = client_arguments(cell, page)
    datagrams, commands = is_datagrams(cell.protocol), kind_of_server(cell.what) == "commands"
    if cell.peer == "GnuTLS" and commands:  # its server does as its client says
        arguments += ["--send", "**REAUTH**" if cell.what == "late certificate" else "**REHANDSHAKE**", "--send", "hello"]
    if datagrams:
        arguments += ["localhost", server.port, *([run.PKI / "client.pfx"] if cell.what in SHOWING else [])]
    else:
        arguments.append(f"https://localhost:{server.port}/")
    client, obeyed = Ours(*place, program, *arguments), True
    if cell.peer != "GnuTLS" and commands:
        obeyed = command_server(cell, server, client)
    elif cell.peer != "GnuTLS" and datagrams:
        for _ in range(2 if cell.what == "resumption" else 1):
            server.answers += 1
            if client.wait_with(server, b"hello\n", server.answers):
                server.say(b"hello yourself\n")
    code, output = client.result()
    if cell.peer == "GnuTLS" and commands:
        answer = page.read_text(errors="replace") if page.exists() else output  # sspi-dtls has no --output
        obeyed = "hello" in answer and (b"Sending re-auth request" if cell.what == "late certificate" else b"Received hello message") in server.output
    elif cell.what == "late certificate":
        obeyed = obeyed and re.search(rb"depth=0 CN ?= ?client", server.output) is not None
    return obeyed, code, output


def talk_to_web(place, cell, web, page):
    """Our client against nginx or Apache: the same."""
    program, arguments = client_arguments(cell, page)
    path = {"late certificate": "private/", "renegotiation": "again/"}.get(cell.what, "")
    return True, *Ours(*place, program, *arguments, f"https://localhost:{web.port(cell)}/{path}").result()


def judge_client(cell, code, output, seen):
    """Whether our client, and the page of nginx or Apache, say what the cell is about."""
    demands = [f"{cell.protocol} {iana(cell.suite)}" in output, code == 0 or cell.what == H2]
    if cell.what == "ALPN":
        demands.append("alpn http/1.1" in output)
    if cell.what == H2:  # the answer came as frames, which our client does not take apart
        demands += ["alpn h2" in output, "no HTTP answer" in output]
    if cell.what == "resumption":
        demands.append("resumed" in output)
    if cell.what == "renegotiation" and is_datagrams(cell.protocol):
        demands.append(output.count(iana(cell.suite)) == 2)
    if cell.peer in WEB and cell.what != H2:
        suite = other_suite((cell.protocol, cell.suite, None, None)) if cell.what == "renegotiation" else cell.suite
        demands.append(f"{PROTOCOLS[cell.protocol][3]} {suite} client {'SUCCESS CN=client' if cell.what in SHOWING else 'NONE'}" in seen)
    return all(demands)


def ours_as_client(place, cell, server, web):
    page = run.WORK / f"interop-page-{place[1]}-{zlib.crc32(repr(cell).encode()):08x}"
    obeyed, code, output = talk_to_web(place, cell, web, page) if cell.peer in WEB else talk_to_tool(place, cell, server, page)
    seen = page.read_text(errors="replace") if page.exists() else ""
    page.unlink(missing_ok=True)
    return obeyed and judge_client(cell, code, output, seen), output + seen


# --- we are the server --------------------------------------------------------------------------------------------


class Servers:
    """Ours, one for each protocol and each way to treat clients."""

    def __init__(self, wine, arch, weak, workers):
        common = ["--password", "secret"]
        starts = {("TLS 1.2", "psk"): ["sspi-server", "--port", 0, "--psk", PSK_OPTION, "--weak", "--protocols", "tls1.2"]}
        for way, options in ("page", ["--tickets", "--alpn", "http/1.1"]), ("asks", ["--ask"]), ("later", ["--later"]):
            for protocol in "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3":
                how = [*(["--legacy"] if protocol in ("TLS 1.0", "TLS 1.1") else []), *(["--weak"] if weak and protocol != "TLS 1.3" else [])]
                starts[protocol, way] = ["sspi-server", "--port", 0, *common, *options, *how, "--protocols", PROTOCOLS[protocol][2], "rsa.pfx"]
        for way, options in ("page", ["--alpn", "http/1.1"]), ("asks", ["--ask"]):
            for protocol in "DTLS 1.0", "DTLS 1.2":
                starts[protocol, way] = ["sspi-dtls", "--listen", *common, *options, "--protocols", PROTOCOLS[protocol][2], "0", "rsa.pfx"]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            self.servers = dict(zip(starts, pool.map(lambda start: wine.start_server(arch, *start), starts.values())))

    def server(self, cell):
        """The process for a cell, and its port."""
        return self.servers[cell.protocol, "psk" if cell.suite in PSK else {"client certificate": "asks", "late certificate": "later"}.get(cell.what, "page")]

    def log(self, cell):
        """The lines it has said, if it says any."""
        return run.process_log(self.server(cell)[0]).splitlines() if is_datagrams(cell.protocol) else []


def visit(cell, port, kept):
    """A peer's client, once: what it said."""
    ready = (b"Resume Handshake was completed" if cell.what == "resumption" else b"Handshake was completed") if cell.peer == "GnuTLS" else b"Verify return code"
    with Tool(client_command(cell, port, kept)) as tool:
        if tool.heard(ready):
            if cell.what in COMMANDS:
                order, done = INLINE[cell.what] if cell.peer == "GnuTLS" else (COMMANDS[cell.what], cell.what.upper().encode()[:9])
                tool.say(order)
                tool.heard(done)
            tool.say(b"hello again\n" if is_datagrams(cell.protocol) else run.REQUEST)
            if is_datagrams(cell.protocol) and tool.heard(b"hello again"):
                if cell.peer == "GnuTLS":
                    tool.hang_up()
                else:
                    tool.say(b"Q\n")
                    tool.heard(b"close notify")  # then it would wait half a second for the end of a connection that datagrams have not
                    return tool.text()
        tool.finish()
        return tool.text()


def judge_server(cell, output, log):
    """Whether the peer's client says what the cell is about; and our server: in the page it gave, or over datagrams, where it gives none, in its log."""
    name = f"{cell.protocol} {iana(cell.suite)}"
    if is_datagrams(cell.protocol):
        demands = ["hello again" in output, f"Cipher is {cell.suite}" in output or cell.peer == "GnuTLS",
                   any(name in line and ("CN=client" in line or cell.what not in SHOWING) for line in log)]
        if cell.what == "ALPN":
            demands.append(re.search("(ALPN|Application) protocol: http/1.1", output))
    else:
        demands = [name in output, "alpn http/1.1" in output or cell.what != "ALPN", "CN=client trusted" in output or cell.what not in SHOWING]
    if cell.what == "renegotiation":
        demands.append("ReHandshake was completed" in output if cell.peer == "GnuTLS" else output.count("depth=0") == 2)
    if cell.what == "KeyUpdate":
        demands.append("Rekey was completed" in output if cell.peer == "GnuTLS" else "KEYUPDATE" in output)
    if cell.what == "resumption":
        demands.append(re.search("This is a resumed session|Reused, (TLS|DTLS|SSL)", output))
    return all(demands)


def ours_as_server(cell, servers):
    kept = run.WORK / f"interop-session-{zlib.crc32(repr(cell).encode()):08x}.pem"
    kept.unlink(missing_ok=True)
    output = visit(cell, servers.server(cell)[1], kept)
    if cell.what == "resumption" and cell.peer != "GnuTLS":
        output = visit(cell, servers.server(cell)[1], kept)
    kept.unlink(missing_ok=True)
    return judge_server(cell, output, servers.log(cell)), output


# --- all of it ----------------------------------------------------------------------------------------------------


def make_certificates():
    """What tests/pki.py has no need of."""
    maker = pki.Maker(run.PKI)
    for name, key in ("ecdsa384", "--key-type=ecdsa --curve=secp384r1"), ("ecdsa521", "--key-type=ecdsa --curve=secp521r1"), ("ed25519", "--key-type=ed25519"):
        maker.leaf(name, key=key)
    (run.PKI / "psk.txt").write_text(PSK_OPTION + "\n")
    maker.run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh2048.pem")


def jobs_of(wanted):
    """Cells that go one after the other: those that one server of a peer's serves."""
    jobs = collections.OrderedDict()
    for number, cell in wanted:
        kind = kind_of_server(cell.what)
        shared = cell.role == "client" and cell.peer in TOOLS and kind != "commands"
        jobs.setdefault((*cell[:5], kind) if shared else number, []).append((number, cell))
    return list(jobs.values())


def run_job(place, job, servers, web):
    """The results of a job: (number of the cell, the cell, whether it passed, what was said)."""
    results, server = [], None
    try:
        for number, cell in job:
            try:
                if cell.role == "server":
                    results.append((number, cell, *ours_as_server(cell, servers)))
                    continue
                if not server and cell.peer in TOOLS:
                    server = Server(cell, kind_of_server(cell.what))
                good, output = ours_as_client(place, cell, server, web)
                results.append((number, cell, good, output + (server.text()[-600:] if server else "")))
            except Exception as error:  # of the test itself: a failure of this cell, and of no other
                results.append((number, cell, False, f"{type(error).__name__}: {error}"))
    finally:
        if server:
            server.__exit__()
    return results


def turn_on(wine, on):
    """The lists of suites and curves: everything known, those that are offered first; or none."""
    every = [iana(suite) for suite in dict.fromkeys(s for table in (SUITES, ON_NAME) for protocol in reversed(PROTOCOLS) for s in table[protocol])]
    for name, value in ("Functions", ",".join(every)), ("EccCurves", "curve25519,NistP256,NistP384,NistP521"):
        wine.run("wine", "reg", *(["add", POLICY, "/v", name, "/d", value] if on else ["delete", POLICY, "/v", name]), "/f", "/reg:64")


def run_cells(wine, arch, wanted, web, workers, report):
    for on_name in False, True:
        part = [(number, cell) for number, cell in wanted if is_on_name(cell) == on_name]
        if not part:
            continue
        started = time.time()
        if on_name:
            turn_on(wine, True)
        pool = concurrent.futures.ThreadPoolExecutor(workers)
        try:
            servers = Servers(wine, arch, on_name, workers)
            for future in concurrent.futures.as_completed([pool.submit(run_job, (wine, arch), job, servers, web) for job in jobs_of(part)]):
                for result in future.result():
                    report(*result)
        finally:
            pool.shutdown(cancel_futures=True)  # when somebody interrupts it
            wine.end_servers()
            if on_name:
                turn_on(wine, False)
        seconds = time.time() - started
        print(f"  MATRIX  Wine {wine.version} {arch}{', turned on by name' if on_name else ''}: {len(part)} cells in {seconds:.0f} s, {seconds / len(part):.2f} s a cell", flush=True)


def write_file(path, lines):
    with open(path, "w") as out:
        out.write("wine\tarchitecture\tpeer\trole\tprotocol\tsuite\tcertificate\twhat\tresult\n")
        for line in lines:
            out.write("\t".join(str(part) for part in line) + "\n")


# --- tables -------------------------------------------------------------------------------------------------------


def print_tables(paths):
    """README's: passed of those that can be, by protocol and by what was done; and why others cannot."""
    lines = dict.fromkeys(line for path in paths for line in Path(path).read_text().splitlines()[1:])
    rows = [dict(zip(("wine", "arch", *Cell._fields, "result"), line.split("\t"))) for line in lines]
    tried = [row for row in rows if row["result"] in ("passed", "failed")]
    peers = [peer for peer in (*TOOLS, *WEB) if any(row["peer"] == peer for row in tried)]

    def count(**match):
        found = [row["result"] for row in tried if all(row[key] == value for key, value in match.items())]
        return f"{found.count('passed'):,}/{len(found):,}" if found else "-"

    def table(title, key, values):
        print(f"| {title} | " + " | ".join(peers) + " |\n" + "|---" * (len(peers) + 1) + "|")
        for value in values:
            counts = [[count(peer=peer, role=role, **{key: value}) for role in (("client", "server") if peer in TOOLS else ("client",))] for peer in peers]
            print(f"| {value} | " + " | ".join(", ".join(both) for both in counts) + " |")
        print()

    places = dict.fromkeys(f"Wine {row['wine']} {row['arch']}" for row in tried)
    print(f"{sum(row['result'] == 'passed' for row in tried):,} of {len(tried):,} cells on {', '.join(places)}\n")
    table("as client, as server", "protocol", PROTOCOLS)
    table("as client, as server", "what", [what for what in (*WHATS, H2) if any(row["what"] == what for row in tried)])
    reasons = collections.Counter(row["result"][12:] for row in rows if row["result"].startswith("impossible: "))
    print("Cells that cannot be:\n\n" + "\n".join(f"- {reason}: {times:,}" for reason, times in reasons.most_common()))


def main():
    parser = argparse.ArgumentParser(description="interoperability with OpenSSL, GnuTLS, nginx and Apache")
    parser.add_argument("--wine", choices=("8", "10"))
    parser.add_argument("--arch", choices=("x86_64", "i686"))
    parser.add_argument("--slice", default="0/1")
    parser.add_argument("--only", default="", help="cells with that in their words, such as 'server, TLS 1.2'")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells at a time")
    parser.add_argument("--out", default=str(run.WORK / "interop.tsv"))
    parser.add_argument("--table", nargs="+", help="prints README's tables of such files, and runs nothing")
    options = parser.parse_args()
    if options.table:
        print_tables(options.table)
        return 0
    first, step = (int(part) for part in options.slice.split("/"))

    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        os.environ.pop(name, None)
    run.WORK.mkdir(parents=True, exist_ok=True)
    wines = run.find_wines(options.wine)
    pki.make(run.PKI, run.free_port())
    make_certificates()
    every = list(enumerate(cells()))
    reasons = {number: reason for number, cell in every if (reason := impossible(cell))}
    # By a sum over its words: every Mth of so regular a list would be the same few columns of it.
    wanted = [(n, c) for n, c in every if n not in reasons and zlib.crc32(", ".join(c).encode()) % step == first and options.only in ", ".join(c)]
    print(f"  MATRIX  {len(every)} cells, of which {len(every) - len(reasons)} can be; {len(wanted)} of them now, {options.jobs} at a time", flush=True)
    lines, counts, started = [], collections.Counter(), time.time()
    web = WebServers([cell for _, cell in wanted], other_suite)
    try:
        for wine in wines:
            wine.arches = [arch for arch in wine.arches if options.arch in (None, arch)]
            if not wine.arches:
                continue
            wine.make_prefix()
            for arch in wine.arches:
                found = {}

                def report(number, cell, good, output):
                    found[number] = "passed" if good else "failed"
                    counts[found[number]] += 1
                    if not good:
                        print(f"  FAIL  Wine {wine.version} {arch}: {', '.join(cell)}\n" + "\n".join("          " + line for line in output.splitlines()[-14:]), flush=True)

                run_cells(wine, arch, wanted, web, options.jobs, report)
                for number, cell in every:
                    if number in reasons or number in found:
                        lines.append((wine.version, arch, *cell, found.get(number) or f"impossible: {reasons[number]}"))
                        counts["skipped"] += number in reasons
            wine.close()
    finally:
        web.end()
        write_file(options.out, lines)
    print(f"  MATRIX  {counts['passed'] + counts['failed']} cells in {time.time() - started:.0f} s")
    print_tables([options.out])
    print(f"\n{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
