"""What bench.py measured, as tables and as a picture: all of it on the terminal, what the README shows in build/bench/speed.md."""

import csv
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

OURS64, OURS32 = ("ours", "Wine 10", "x86_64"), ("ours", "Wine 10", "i686")
THEIRS64, THEIRS32 = ("built-in", "Wine 10", "x86_64"), ("built-in", "Wine 10", "i686")

SIZES = (64, 1024, 16384)  # in the README
STARTS = {"start-main": "until its own code runs", "start-secur32": "until secur32 is loaded, from there", "start-hello": "until the ClientHello, from there", "start": "all of it"}


class Figures:
    """build/bench/bench.csv: (median, least, most) of each (what, suite, size) and implementation."""

    def __init__(self, path):
        self.figures, self.names = {}, []
        with open(path, newline="") as file:
            for line in csv.DictReader(file):
                name = (line["implementation"], line["wine"], line["arch"])
                if name not in self.names:
                    self.names.append(name)
                self.figures[line["what"], line["suite"], int(line["size"] or 0), name] = tuple(float(line[key]) for key in ("median", "min", "max"))
        self.gnutls, self.openssl = self.newest("GnuTLS"), self.newest("OpenSSL")

    def newest(self, library):
        return max((name for name in self.names if name[0].startswith(library)), default=(library, "", ""), key=lambda name: [int(n) for n in re.findall(r"\d+", name[0])])

    def get(self, what, suite, size, name):
        found = self.figures.get((what, suite, size, name))
        return found and found[0]

    def keys_of(self, *whats):
        return list(dict.fromkeys(key[:3] for key in self.figures if key[0] in whats))


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(ours, theirs):
    return f"**{ours / theirs:.2f}**" if ours and theirs else "–"


def against(ours, theirs):
    """Three cells: theirs, ours, and how many times theirs that is."""
    return [number(theirs), number(ours), ratio(ours, theirs)]


def size_name(size):
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB" if size < 1 << 30 else "1 GiB"


def write(out, title, head, rows):
    if not rows:
        return
    print(f"{title}:\n\n| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|", file=out)
    for row in rows:
        print("| " + " | ".join(row) + " |", file=out)
    print(file=out)


# --- for the terminal ---------------------------------------------------------------------------------------------


def compare(figures, title, *whats):
    """Every figure against Wine 10's own in both architectures, and the ceilings."""
    head = ["", "Wine 10, 64 bit", "ours", "ratio", "Wine 10, 32 bit", "ours", "ratio", f"{figures.gnutls[0]}, native", f"{figures.openssl[0]}, native"]
    rows = []
    for what, suite, size in figures.keys_of(*whats):
        get = lambda name: figures.get(what, suite, size, name)  # noqa: B023
        rows.append([" ".join(filter(None, (suite, what, size and size_name(size)))), *against(get(OURS64), get(THEIRS64)), *against(get(OURS32), get(THEIRS32)),
                     number(get(figures.gnutls)), number(get(figures.openssl))])
    write(sys.stdout, title, head, rows)


def spread(figures, *whats):
    """Every figure of everybody, with the least and the most that a round gave."""
    keys = figures.keys_of(*whats)
    names = [name for name in figures.names if any((*key, name) in figures.figures for key in keys)]
    rows = []
    for key in keys:
        cells = (figures.figures.get((*key, name)) for name in names)
        rows.append([" ".join(filter(None, (key[1], key[0], key[2] and size_name(key[2])))), *(f"{number(cell[0])} ({number(cell[1])}–{number(cell[2])})" if cell else "–" for cell in cells)])
    write(sys.stdout, "With the least and the most", ["", *(" ".join(filter(None, name)) for name in names)], rows)


RESUMED = ("client", "client-resumed", "client-validated", "client-validated-again", "server", "server-resumed")


def terminal(figures):
    for title, *whats in (("Records, MB/s", "encrypt", "decrypt"), ("Handshakes a second, of this side's time", *RESUMED), ("Memory of a connection, KiB", "memory-idle", "memory-used"),
                          ("From the process's creation, ms: less is better", *STARTS), ("A file with curl, MB/s", "curl")):
        compare(figures, title, *whats)
        spread(figures, *whats)


# --- for the README -----------------------------------------------------------------------------------------------

SUITES = {"tls12-aes128gcm": "TLS 1.2, AES-128-GCM", "tls13-aes256gcm": "TLS 1.3, AES-256-GCM", "tls13-chacha20": "TLS 1.3, ChaCha20-Poly1305", "tls12-aes128cbc-sha1": "TLS 1.2, AES-128-CBC, SHA-1"}
HANDSHAKES = {"tls12-rsa2048-p256": "TLS 1.2, RSA, P-256", "tls12-rsa2048-x25519": "TLS 1.2, RSA, X25519", "tls12-ecdsa-p256": "TLS 1.2, ECDSA, P-256", "tls13-rsa2048-p256": "TLS 1.3, RSA, P-256",
              "tls13-rsa2048-x25519": "TLS 1.3, RSA, X25519", "tls13-ecdsa-p256": "TLS 1.3, ECDSA, P-256"}


def seven(figures, what, suite, size, native):
    """The cells of one row: 64 bit, 32 bit, and a ceiling."""
    get = lambda name: figures.get(what, suite, size, name)
    return [*against(get(OURS64), get(THEIRS64)), *against(get(OURS32), get(THEIRS32)), number(get(native))]


def seven_heads(native):
    return ["Wine 10, 64 bit", "ours", "ratio", "Wine 10, 32 bit", "ours", "ratio", f"{native[0]}, no Wine"]


def readme_records(figures, out):
    for what in ("encrypt", "decrypt"):
        rows = []
        for suite, name in SUITES.items():
            for size in SIZES:
                if (what, suite, size) in figures.keys_of(what):
                    rows.append([f"{name}, {size_name(size)}", *seven(figures, what, suite, size, figures.openssl)])
        write(out, f"{what.title()}Message, MB/s", ["", *seven_heads(figures.openssl)], rows)


def readme_handshakes(figures, out):
    for side, remark in (("client", "Wine's own resumes none"), ("server", "Wine's own resumes none; with an ECDSA key there is no server in Wine")):
        rows = []
        for suite, name in HANDSHAKES.items():
            for what in (side, f"{side}-resumed"):
                if any((what, suite, 0, who) in figures.figures for who in (OURS64, THEIRS64)):
                    rows.append([name + (", resumed" if what != side else ""), *seven(figures, what, suite, 0, figures.gnutls)])
        write(out, f"Handshakes a second, of the {side}'s time alone ({remark})", ["", *seven_heads(figures.gnutls)], rows)


def readme_validation(figures, out):
    rows = []
    for _, suite, _ in figures.keys_of("client-validated"):
        cells = []
        for name in OURS64, OURS32:
            manual = figures.get("client", suite, 0, name)
            for what in "client-validated", "client-validated-again":
                automatic = figures.get(what, suite, 0, name)
                cells += [number(automatic), f"{1000 / automatic - 1000 / manual:.2f}" if manual and automatic else "–"]
        rows.append([HANDSHAKES[suite], *cells])
    write(out, "Clients that leave validation to Schannel, which Wine's own does not do", ["", "64 bit, a server's first", "ms more", "later", "ms more", "32 bit, a server's first", "ms more", "later", "ms more"], rows)


def readme_rest(figures, out):
    rows = []
    for what, suite, size in figures.keys_of("memory-idle", "memory-used", "start", "curl"):
        name = {"memory-idle": f"KiB of a connection, {suite.upper()}", "memory-used": f"KiB of a connection after 16 KiB each way, {suite.upper()}",
                "start": "ms from a process's creation to its ClientHello", "curl": f"MB/s of curl for a file of 1 GiB, {suite.upper()}"}[what]
        rows.append([name, *seven(figures, what, suite, size, figures.newest("curl") if what == "curl" else figures.gnutls)])
    write(out, "The rest; of KiB and ms, fewer are better", ["", *seven_heads(("native",))], rows)


def readme(figures, out):
    with open("/proc/cpuinfo") as file:
        processor = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    print(f"`make bench`, {time.strftime('%B %Y')}, {processor[1] if processor else 'some processor'}: medians. Compare only within one run.\n", file=out)
    for part in readme_records, readme_handshakes, readme_validation, readme_rest:
        part(figures, out)


def plot(figures, folder):
    """throughput.svg, and a PNG to look at."""
    suite = "tls12-aes128gcm"
    lines = (OURS64, THEIRS64, OURS32, THEIRS32, figures.gnutls, figures.openssl)
    if not figures.get("encrypt", suite, 64, OURS64):
        return
    for what in ("encrypt", "decrypt"):
        with open(folder / f"{what}.dat", "w") as data:
            for size in (64, 1024, 4096, 16384):
                data.write(" ".join([str(size), *(str(figures.get(what, suite, size, name) or "nan") for name in lines)]) + "\n")
    for kind in ("svg", "png"):
        settings = {"kind": kind, "output": folder / f"throughput.{kind}", "folder": folder, "gnutls": figures.gnutls[0], "openssl": figures.openssl[0]}
        subprocess.run(["gnuplot", "-e", "; ".join(f"{key}='{value}'" for key, value in settings.items()), HERE / "throughput.gp"], check=True)


def show(folder):
    """Of the CSV in that folder, into which the rest goes as well."""
    figures = Figures(folder / "bench.csv")
    terminal(figures)
    with open(folder / "speed.md", "w") as out:
        readme(figures, out)
    plot(figures, folder)
    print("  TABLES  build/bench/speed.md, build/bench/throughput.svg: what the README shows")
