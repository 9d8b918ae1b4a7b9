#!/usr/bin/env python3
"""Makes wireshark.svg: what tshark sees of a Windows program's HTTPS, without its keys and with them.

    tools/pictures/wireshark.py PREFIX PKI

PREFIX is a Wine prefix with schannel.dll in it that trusts the authority of PKI, a folder with rsa.pem, rsa.key and rsa-rest.pem, as
`make check` leaves them (build/check/prefix8, build/check/pki). The program is Wine's own WinHTTP under cscript. Needs tshark, openssl,
and the right to listen on the loopback interface. Nothing in the picture is typed by hand.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = """
var http = new ActiveXObject("WinHttp.WinHttpRequest.5.1");
http.Open("GET", WScript.Arguments(0), false);
http.SetRequestHeader("Authorization", "Bearer example");
http.Send();
"""
PORT = 24443


def capture(folder, prefix, pki):
    """A capture of one request in folder/tls.pcap, its keys in folder/keys.txt."""
    body = "<html>Hello from the other side of TLS.</html>\n"
    (folder / "hello.html").write_text(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    (folder / "get.js").write_text(SCRIPT)
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{PORT}", "-cert", f"{pki}/rsa.pem", "-key", f"{pki}/rsa.key", "-cert_chain", f"{pki}/rsa-rest.pem", "-HTTP", "-quiet"],
                              cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    listener = subprocess.Popen(["tshark", "-q", "-i", "lo", "-f", f"tcp port {PORT}", "-w", folder / "tls.pcap"], stderr=subprocess.DEVNULL)
    time.sleep(3)
    env = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "SSLKEYLOGFILE": str(folder / "keys.txt"), "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=d"}
    subprocess.run(["wine", "cscript", "//nologo", "get.js", f"https://localhost:{PORT}/hello.html"], cwd=folder, env=env, check=True)
    time.sleep(1)
    listener.terminate()
    listener.wait()
    server.kill()


def decode(folder, *options):
    read = lambda *more: subprocess.run(["tshark", "-r", folder / "tls.pcap", "-d", f"tcp.port=={PORT},tls", *options, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    frames = [re.sub(r"^ *(\d+) +[\d.]+ +\S+ → \S+ +(\S+) +\d+ ", r"\1\t\2\t", line).split("\t") for line in read("-Y", "tls || http").splitlines()]
    lines = [f"{number:>3}  {protocol:<8} {info}" for number, protocol, info in frames]
    # Of the details, the lines of the messages themselves.
    details = read("-Y", "http", "-O", "http,data-text-lines").replace("\\r\\n", "").replace("\\n", "").splitlines()
    return lines + [line for line in details if re.match(r" {4}[^\s\[]", line) and not line.startswith("    File Data")]


def draw(parts):
    rows, y = [], 0
    for title, lines in parts:
        y += 26
        rows.append(f'<text x="16" y="{y}" class="title">{html.escape(title)}</text>')
        for line in lines:
            y += 18
            readable = not line.strip()[0].isdigit() or " HTTP " in line
            rows.append(f'<text x="16" y="{y}"{" class=" + chr(34) + "read" + chr(34) if readable else ""} xml:space="preserve">{html.escape(line)}</text>')
        y += 12
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {y + 8}" width="760" height="{y + 8}" role="img">\n'
            "<title>tshark on a request of WinHTTP in Wine and its answer: encrypted without the keys, readable with SSLKEYLOGFILE</title>\n"
            "<style>text{font:13px 'DejaVu Sans Mono',Consolas,monospace;fill:#c9d1d9}.title{font-weight:bold;fill:#79c0ff}.read{fill:#7ee787}</style>\n"
            f'<rect width="760" height="{y + 8}" rx="8" fill="#161b22"/>\n' + "\n".join(rows) + "\n</svg>\n")


def main():
    prefix, pki = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture(folder, prefix, pki)
        picture = draw((("tshark -r tls.pcap", decode(folder)), ("tshark -r tls.pcap -o tls.keylog_file:keys.txt", decode(folder, "-o", f"tls.keylog_file:{folder}/keys.txt"))))
    (Path(__file__).parent / "wireshark.svg").write_text(picture)


if __name__ == "__main__":
    main()
