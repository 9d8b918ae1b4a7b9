#!/usr/bin/env python3
"""Measures this Schannel, Wine's own, and as ceilings GnuTLS and OpenSSL without Wine; in turns, so that all meet the same neighbours.

    tests/bench/bench.py [--rounds N] [--only WHAT] [--suite NAME] [--cpu N] [--wine 8|10]

WHAT: records, handshakes, validation, memory, start or curl. Writes build/bench/bench.csv and prints tables in Markdown.
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

# Prefixes and certificates of our own, beside those of `make check`.
run.WORK = run.BUILD / "bench"
run.PKI = run.WORK / "pki"
WORK, PKI = run.WORK, run.PKI

# What is off unless asked for by name is measured too; the order is of no importance.
FUNCTIONS = ("TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,"
             "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,"
             "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"


class Bench:
    """A Wine that is measured: with our DLL, or with what it came with."""

    roots = ("root.pem",)

    def drop_in(self, arch):
        if self.ours:
            super().drop_in(arch)

    def name_it(self, ours):
        self.ours = ours
        self.prefix = WORK / f"prefix{self.version}-{'ours' if ours else 'own'}"
        return self

    def make_prefix(self):
        super().make_prefix()
        if self.ours:
            self.run("wine", "reg", "add", POLICY, "/v", "Functions", "/t", "REG_SZ", "/d", FUNCTIONS, "/f")

    def measure(self, cpu, arch, *args, **env):
        return self.run("taskset", "-c", str(cpu), "wine", run.BUILD / arch / "bench/bench.exe", PKI, *args, timeout=500, **env)


class HostBench(Bench, run.Wine):
    pass


class RootBench(Bench, run.RootWine):
    pass


class Subject:
    """One implementation: who runs the program, and what the columns call it."""

    def __init__(self, implementation, wine, arch, measure):
        self.implementation, self.wine, self.arch, self.measure = implementation, wine, arch, measure

    def __str__(self):
        return f"{self.implementation} {self.wine} {self.arch}".replace("  ", " ")


def subjects_of(wine, cpu, empty):
    for arch in wine.arches:
        # An empty file has GnuTLS fall back to its own defaults: Wine 10's list of protocols has no TLS 1.3 otherwise.
        env = {} if wine.ours else {"GNUTLS_SYSTEM_PRIORITY_FILE": str(empty)}
        yield Subject("ours" if wine.ours else "built-in", f"Wine {wine.version}", arch,
                      lambda *args, arch=arch: wine.measure(cpu, arch, *args, **env))


def find_subjects(args):
    empty = WORK / "empty"
    empty.write_text("")
    subjects, wines = [], []
    for found in run.find_wines(args.wine):
        kind = RootBench if isinstance(found, run.RootWine) else HostBench
        for ours in (False, True):
            wine = kind(found.version, found.arches).name_it(ours)
            wine.make_prefix()
            wines.append(wine)
            subjects += subjects_of(wine, args.cpu, empty)
    return subjects, wines


# --- measuring ----------------------------------------------------------------------------------------------------


def measure(subjects, args):
    """{(what, suite, size, unit): {subject: values}}, and {(what, suite): {subject: why not}}"""
    rows, missing = {}, {}
    for round_ in range(args.rounds):
        for what in ("records", "handshakes", "validation"):
            if args.only and what != args.only:
                continue
            for subject in subjects:
                started = time.time()
                code, output = subject.measure(what, *(["--only", args.suite] if args.suite else []))
                for line in output.splitlines():
                    fields = line.split(",", 5)
                    if fields[0] == "row":
                        rows.setdefault((fields[1], fields[2], int(fields[3]), fields[4]), {}).setdefault(str(subject), []).append(float(fields[5]))
                    elif fields[0] == "none":
                        missing.setdefault((fields[1], fields[2]), {})[str(subject)] = fields[5]
                print(f"  ROUND   {round_ + 1} {what} {subject}: {time.time() - started:.1f} s" + (f"; ended with {code}: {output[-300:]}" if code else ""), flush=True)
    return rows, missing


def tables(subjects, rows, missing):
    for what in dict.fromkeys(key[0] for key in rows):
        print(f"\n### {what}\n")
        print("| suite | size | " + " | ".join(map(str, subjects)) + " |")
        print("|---|---|" + "---|" * len(subjects))
        for key in rows:
            if key[0] != what:
                continue
            cells = []
            for subject in subjects:
                values = rows[key].get(str(subject))
                cells.append(f"{statistics.median(values):.0f} ({min(values):.0f}–{max(values):.0f})" if values else "–")
            print(f"| {key[1]} | {key[2] or ''} | " + " | ".join(cells) + " |")
    print()
    for (what, suite), why in missing.items():
        for subject, reason in why.items():
            print(f"  NONE    {what} {suite} {subject}: {reason}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="records, handshakes, validation, memory, start or curl")
    parser.add_argument("--suite", help="suites with this in their name")
    parser.add_argument("--cpu", type=int, default=(os.cpu_count() or 1) - 1, help="the processor all of it is pinned to")
    parser.add_argument("--wine", choices=("8", "10"), help="only this Wine")
    args = parser.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    pki.make(PKI, 9)
    pki.Maker(PKI).pfx("ecdsa")
    subjects, wines = find_subjects(args)
    try:
        rows, missing = measure(subjects, args)
        tables(subjects, rows, missing)
    finally:
        for wine in wines:
            wine.close()


if __name__ == "__main__":
    sys.exit(main())
