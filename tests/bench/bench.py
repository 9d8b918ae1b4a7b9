#!/usr/bin/env python3
"""Measures this Schannel, Wine's own, and as ceilings GnuTLS and OpenSSL without Wine.

    tests/bench/bench.py [--rounds N] [--only WHAT] [--suite NAME] [--cpu N] [--wine 8|10]
    tests/bench/bench.py --tables       prints the tables of the last run again

WHAT is records, handshakes, validation, memory, start or curl. All take turns suite by suite, in several rounds; all but curl
pinned to one processor and, run by root, before what else it has to do. A figure is the median of the rounds, each of which is the median of many
short slices (bench.c), with the least and the most that a round gave. Rounds do not count in which the machine itself was slower than it
can be (bench.c times a loop of known work), as long as a third is left. Writes build/bench/bench.csv, every single value to
build/bench/raw.csv, and what tables.py makes of them.
"""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import pki  # noqa: E402
import run  # noqa: E402
import tables  # noqa: E402

# Prefixes and certificates of our own, beside those of `make check`.
run.WORK = run.BUILD / "bench"
run.PKI = run.WORK / "pki"
WORK, PKI = run.WORK, run.PKI

# What is off unless asked for by name is measured too; the order is of no importance.
FUNCTIONS = ("TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,"
             "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,"
             "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"

# What this Schannel cannot have: Windows has no such suite, and Wine imports no such key. Anything else that it lacks is a failure.
ABSENT = {("encrypt", "tls12-chacha20"), *((what, suite) for what in ("server", "server-resumed") for suite in ("tls12-ecdsa-p256", "tls13-ecdsa-p256"))}

STARTS = 5  # cold starts a round
SLOW = 1.07  # times what the machine can do: a round that does not count

# --- who is measured ----------------------------------------------------------------------------------------------


def pinned(cpu):
    """On one processor, and, if we may, before what else runs there: a signature takes longer than the turns the kernel gives."""
    return [*(["chrt", "--rr", "1"] if os.geteuid() == 0 else []), "taskset", "-c", str(cpu)]


class Pinned:
    """A Wine whose processes, its server among them, share one processor, until they are set free."""

    roots = ("root.pem",)
    cpu = 0

    free = False

    def enter(self):
        return [*([] if self.free else pinned(self.cpu)), *super().enter()]

    def set_free(self):
        """From now on it runs like any other program."""
        self.free = True
        self.run("wineserver", "-k", timeout=30)
        self.run("wineserver", "-p600")

    def prepare(self, ours):
        self.ours = ours
        self.prefix = WORK / f"prefix{self.version}-{'ours' if ours else 'own'}"
        self.make_prefix()
        if ours:
            self.run("wine", "reg", "add", POLICY, "/v", "Functions", "/t", "REG_SZ", "/d", FUNCTIONS, "/f")
        # curl asks for TLS 1.3 on Windows 11 alone; Wine 8 does not know that name.
        self.run("wine", "reg", "add", r"HKCU\Software\Wine\AppDefaults\curl.exe", "/v", "Version", "/d", "win11", "/f")
        return self

    def drop_in(self, arch):
        if self.ours:
            super().drop_in(arch)


class HostWine(Pinned, run.Wine):
    pass


class Wine10(Pinned, run.RootWine):
    pass


class Schannel:
    """One Schannel in one Wine, for one architecture."""

    def __init__(self, wine, arch):
        self.wine, self.arch = wine, arch
        self.name = ("ours" if wine.ours else "built-in", f"Wine {wine.version}", arch)
        # Wine's own accepts any certificate and leaves validation to programs: nothing to compare with.
        self.what = ("records", "handshakes", "memory", "start", "curl", *(["validation"] if wine.ours else []))
        # An empty file has GnuTLS fall back to its own defaults: the built-in has no TLS 1.3 in its list otherwise.
        self.env = {} if wine.ours else {"GNUTLS_SYSTEM_PRIORITY_FILE": WORK / "empty"}

    def bench(self, what, suite):
        program, args = ("start", ()) if what == "start" else ("bench", (what, suite))
        code, output = self.wine.run("wine", run.BUILD / self.arch / f"bench/{program}.exe", *args, timeout=300, **self.env)
        if program == "bench" and f"engine,Schannel {self.name[0]}" not in output:
            raise RuntimeError(f"{' '.join(self.name)}: not the Schannel it should be: {code} {output[:300]}")
        return output

    def curl(self, url, *options):
        return self.wine.run("wine", run.BUILD / self.arch / "programs/curl.exe", *options, "-o", "NUL", url, timeout=300)[1]


class Native:
    """GnuTLS or OpenSSL without Wine, of this Debian or of the one in Wine 10's root."""

    def __init__(self, engine, where, cpu):
        self.command = [*pinned(cpu), *where]
        self.engine = run.BUILD / "bench" / engine
        found = re.search(r"engine,(\S+) (\S+)", self.bench("none", "none"))
        self.name = (found[1] + " " + found[2], "", "x86_64")
        self.what = ("records", "handshakes", "memory")

    def bench(self, what, suite):
        return printed_by(*self.command, self.engine, what, suite)


class NativeCurl:
    """This Debian's, with its OpenSSL."""

    what = ("curl",)

    def __init__(self):
        found = re.search(r"^curl (\S+) .*(OpenSSL/\S+)", printed_by("curl", "--version"))
        self.name = (f"curl {found[1]} {found[2]}" if found else "curl", "", "x86_64")

    def curl(self, url, *options):
        return printed_by("curl", *options, "-o", "/dev/null", url)


def printed_by(*command):
    env = {k: v for k, v in os.environ.items() if k not in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE")}
    done = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, env={**env, "PKI": str(PKI)})
    return done.stdout.decode(errors="replace")


def find_subjects(args):
    """Who is measured, in the order of the tables; and the Wines, which have to be closed."""
    Pinned.cpu = args.cpu
    (WORK / "empty").write_text("")
    wines = []
    for found in reversed(run.find_wines(args.wine)):
        kind = Wine10 if isinstance(found, run.RootWine) else HostWine
        for ours in (False, True):
            wines.append(kind(found.version, found.arches).prepare(ours))
    subjects = [Schannel(wine, arch) for wine in wines for arch in wine.arches]
    roots = [[]]
    if any(isinstance(wine, Wine10) for wine in wines):
        roots.append([str(run.TOP / "tests/wine10-root.sh"), str(run.BUILD / "trixie"), "run"])
    subjects += [Native(engine, root, args.cpu) for engine in ("gnutls", "openssl") for root in roots] + [NativeCurl()]
    return subjects, wines


# --- measuring ----------------------------------------------------------------------------------------------------


class Results:
    """{(what, suite, size, unit): {subject's name: [(value, ns of the known work)]}}, and for what is not there {(what, suite, why): names}"""

    def __init__(self):
        self.rows, self.missing = {}, {}

    def add(self, subject, what, suite, size, unit, value, machine=0.0):
        self.rows.setdefault((what, suite, size, unit), {}).setdefault(subject.name, []).append((value, machine))

    def lacks(self, subject, what, suite, why):
        names = self.missing.setdefault((what, suite, why), [])
        if subject.name not in names:
            names.append(subject.name)

    def take(self, subject, what, suite, output):
        """Lines of bench.c. A program that printed none of them has failed."""
        seen = 0
        for line in output.splitlines():
            fields = line.split(",", 6)
            if fields[0] == "row":
                self.add(subject, fields[1], fields[2], int(fields[3]), fields[4], float(fields[5]), float(fields[6]))
            elif fields[0] == "none":
                self.lacks(subject, fields[1], fields[2], ",".join(fields[5:]))
            seen += fields[0] in ("row", "none")
        if not seen:
            raise RuntimeError(f"{' '.join(subject.name)}: {what} {suite}: {output[-500:]}")

    def counted(self):
        """The rows with the values that count; and how many do not, of how many."""
        rows, aside, total, best = {}, 0, 0, {}
        for by_name in self.rows.values():
            for name, values in by_name.items():
                best[name] = min([best.get(name, 1e9), *(machine for _, machine in values if machine)])
        for key, by_name in self.rows.items():
            for name, values in by_name.items():
                values = sorted(values, key=lambda pair: pair[1])
                kept = [value for i, (value, machine) in enumerate(values) if 3 * i < len(values) or machine <= SLOW * best[name]]
                rows.setdefault(key, {})[name] = kept
                aside, total = aside + len(values) - len(kept), total + len(values)
        return rows, aside, total


def suites_of(what):
    printed = subprocess.run([run.BUILD / "bench/gnutls", "list"], stdout=subprocess.PIPE, check=True).stdout.decode()
    suites = re.findall(rf"^suite,{what},(.*)$", printed, re.M)
    if what == "validation":
        return [suite for suite in suites if suite.endswith("-p256")]
    return suites or [""]


def cold_starts(subject, results):
    for _ in range(STARTS):
        results.take(subject, "start", "", subject.bench("start", ""))


def curl_server():
    """nginx with a file of 1 GiB."""
    (WORK / "www").mkdir(exist_ok=True)
    (WORK / "peers.log").write_bytes(b"")
    run.big_file()
    run.nginx_server("NGINX")
    run.wait_for_peers()


VERSIONS = {"tls12": ["--tls-max", "1.2"], "tls13": ["--tlsv1.3"]}


def curl_fetch(subject, results, suite):
    """One GiB, as curl itself counts its time. -k: what is looked at is the transfer."""
    output = subject.curl(f"https://localhost:{run.ports['NGINX']}/big", "-sS", "-k", *VERSIONS[suite], "-w", "%{http_code} %{size_download} %{speed_download}")
    if found := re.search(rf"200 {1 << 30} (\d+)", output):
        results.add(subject, "curl", suite, 1 << 30, "MB/s", int(found[1]) / 1e6)
    else:
        results.lacks(subject, "curl", suite, output.strip()[-100:])


def measure(subjects, wines, args):
    results = Results()
    # Memory differs by nothing from round to round.
    rounds = {"memory": 1, "validation": min(args.rounds, 3), "curl": min(args.rounds, 3)}
    for what in ("records", "handshakes", "validation", "memory", "start", "curl"):
        if args.only and what != args.only:
            continue
        started = time.time()
        # Of curl, its server, Wine's and the kernel's part of the network none may be kept waiting for another.
        if what == "curl":
            for wine in wines:
                wine.set_free()
            curl_server()
        for round_ in range(rounds.get(what, args.rounds)):
            for suite in VERSIONS if what == "curl" else suites_of(what):
                if args.suite and args.suite not in suite:
                    continue
                # There and back again: nobody is always the first, or next to the same.
                for subject in subjects[::-1] if round_ % 2 else subjects:
                    if what not in subject.what:
                        continue
                    if what == "start":
                        cold_starts(subject, results)
                    elif what == "curl":
                        curl_fetch(subject, results, suite)
                    else:
                        results.take(subject, what, suite, subject.bench(what, suite))
            print(f"  ROUND   {what} {round_ + 1}, {time.time() - started:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    return results


# --- all of it ----------------------------------------------------------------------------------------------------


def write_csv(results):
    rows, aside, total = results.counted()
    with open(WORK / "bench.csv", "w", newline="") as file, open(WORK / "raw.csv", "w", newline="") as raw:
        out, every = csv.writer(file), csv.writer(raw)
        out.writerow(("implementation", "wine", "arch", "suite", "what", "size", "unit", "median", "min", "max", "runs"))
        every.writerow(("implementation", "wine", "arch", "suite", "what", "size", "unit", "value", "machine"))
        for (what, suite, size, unit), by_name in rows.items():
            for name, values in by_name.items():
                line = (*name, suite, what, size or "", unit)
                out.writerow((*line, *(f"{value:.6g}" for value in (statistics.median(values), min(values), max(values))), len(values)))
                every.writerows((*line, *pair) for pair in results.rows[what, suite, size, unit][name])
    print(f"  CSV     build/bench/bench.csv; {aside} of {total} values do not count: the machine was slower then")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("records", "handshakes", "validation", "memory", "start", "curl"))
    parser.add_argument("--suite", help="suites with this in their name")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the processor all of it is pinned to")
    parser.add_argument("--wine", choices=("8", "10"), help="only this Wine")
    parser.add_argument("--tables", action="store_true", help="print the last run's tables again")
    args = parser.parse_args()

    if args.tables:
        tables.show(WORK)
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    pki.make(PKI, 9)
    wines = []
    try:
        subjects, wines = find_subjects(args)
        results = measure(subjects, wines, args)
    finally:
        for wine in wines:
            wine.close()
        run.stop_peers()
    write_csv(results)
    tables.show(WORK)
    failed = False
    for (what, suite, why), names in results.missing.items():
        bad = any(name[0] == "ours" for name in names) and (what, suite) not in ABSENT
        failed = failed or bad
        print(f"  {'FAIL' if bad else 'NONE'}    {what} {suite}: {why}: {', '.join(' '.join(filter(None, name)) for name in names)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
