#!/usr/bin/env python3
"""Runs BoringSSL's protocol tests against our DLL.

    tests/bogo/bogo.py [--wine 8|10] [--arch x86_64|i686] [--only PATTERN] [--own] [--list passed|failed|...]

The runner (a Go program that plays well- and ill-behaved peers) is taken from Debian's source package of BoringSSL; `make bogo`
builds it. It starts tests/bogo/shim.exe for each test, in a prefix with our DLL, or with --own with Wine's own. config.json
says which errors are meant, and which tests are left out, and why.

Prints what failed, a table by area, and at the end "N passed, N failed, N skipped": skipped is what SSPI cannot express and
what config.json leaves out. All of it is in build/bogo/results.json.
"""

import argparse
import collections
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests"))

import run  # noqa: E402
from run import BUILD  # noqa: E402

WORK = BUILD / "bogo"
HERE = Path(__file__).resolve().parent
RESOURCES = WORK / "resources"  # the runner's certificates and keys, and a PFX file for each key

# The runner's names begin with what is tested; the first that fits.
AREAS = (
    ("DTLS", r"DTLS"),
    ("Resumption", r"Resum|Ticket|Session|Renew"),
    ("Client certificates", r"ClientAuth|ClientCert|Certificate|VerifyP|CertVerif"),
    ("Versions", r"Version|Downgrade|Fallback|MinimumVer|NoSupported"),
    ("Suites", r"Cipher|Ciphers|CBC|AEAD|^TLS1.*-(ECDHE|RSA)|Padding|3DES"),
    ("Curves and key shares", r"Curve|KeyShare|GroupList|HelloRetry|HRR|ECDH|P-?256|X25519"),
    ("Signatures", r"Sign|Verify|PSS|RSA|ECDSA"),
    ("Extensions", r"ALPN|ServerName|Extension|OCSP|SRTP|Export|EMS|ExtendedMaster"),
    ("Renegotiation, KeyUpdate", r"Renego|KeyUpdate"),
    ("Alerts and closing", r"Alert|Shutdown|Close|Garbage"),
    ("Handshake and records", r""),
)


def make_resources(source):
    """The runner's folder of certificates; what OpenSSL makes of each pair can be imported by Windows."""
    shutil.rmtree(RESOURCES, ignore_errors=True)
    RESOURCES.mkdir(parents=True)
    for path in source.glob("*.pem"):
        shutil.copy(path, RESOURCES)
    for key in RESOURCES.glob("*key.pem"):
        certificate = key.with_name(key.name.replace("key.pem", "cert.pem"))
        if certificate.exists():
            subprocess.run(["openssl", "pkcs12", "-export", "-in", certificate, "-inkey", key, "-out", key.with_suffix(".pfx"), "-passout", "pass:secret", "-certpbe",
                            "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-iter", "1", "-nomaciter"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# What BoringSSL has on by itself, the administrator of this prefix turns on: old protocols, every suite there is, P-521.
SETTINGS = """Windows Registry Editor Version 5.00
{protocols}
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002]
"Functions"="{suites}"
"EccCurves"="curve25519,NistP256,NistP384,NistP521"
"""
PROTOCOL = """
[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\{name}\\{side}]
"Enabled"=dword:00000001
"DisabledByDefault"=dword:00000000
"""
SUITES = """TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
    TLS_RSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_256_CBC_SHA
    TLS_RSA_WITH_3DES_EDE_CBC_SHA""".split()


def configure(wine, own):
    # Wine's own takes an enabled DTLS for an order to speak it.
    names = [(name, side) for name in ("TLS 1.0", "TLS 1.1", *(() if own else ("DTLS 1.0",))) for side in ("Client", "Server")]
    file = WORK / "settings.reg"
    file.write_text(SETTINGS.format(protocols="".join(PROTOCOL.format(name=name, side=side) for name, side in names), suites=",".join(SUITES)))
    code, output = wine.run("wine", "regedit", "/S", file)
    if code:
        raise RuntimeError(f"regedit: {output}")


def area_of(name):
    return next(area for area, pattern in AREAS if re.search(pattern, name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wine", choices=("8", "10"), default="10", help="which Wine")
    parser.add_argument("--arch", choices=("x86_64", "i686"), default="x86_64", help="which architecture")
    parser.add_argument("--only", metavar="PATTERN", help="tests whose names fit; several with ; between")
    parser.add_argument("--own", action="store_true", help="Wine's own schannel.dll, for comparison")
    parser.add_argument("--disabled", action="store_true", help="what config.json leaves out, too")
    parser.add_argument("--errors", action="store_true", help="an error that config.json does not map is a failure: to see what there is to map")
    parser.add_argument("--workers", type=int, default=(os.cpu_count() or 2) * 2, help="tests at once")
    args = parser.parse_args()

    run.WORK = WORK
    WORK.mkdir(parents=True, exist_ok=True)
    wines = run.find_wines(args.wine)
    if not wines or args.arch not in wines[0].arches:
        print("0 passed, 0 failed, 1 skipped")
        return 0
    wine = wines[0]
    if args.own:
        wine.prefix = WORK / f"own{wine.version}"
        wine.drop_in = lambda arch: None
    wine.roots = ()
    wine.make_prefix()
    configure(wine, args.own)
    config = HERE / "config.json"
    if args.own:  # any error is the right one
        config = WORK / "own.json"
        config.write_text(json.dumps({**json.loads((HERE / "config.json").read_text()), "ErrorMap": {}}))
    make_resources(WORK / "go/src/boringssl.googlesource.com/boringssl/ssl/test/runner")

    shim = WORK / "shim.sh"
    # Debian's wrapper is a script that finds this.
    shim.write_text(f"#!/bin/sh\nexec /usr/lib/wine/wine64 {BUILD / args.arch / 'bogo/shim.exe'} \"$@\"\n")
    shim.chmod(0o755)
    results = WORK / "runner.json"
    results.unlink(missing_ok=True)
    command = [WORK / "runner", "-test.timeout", "0", "-shim-path", shim, "-shim-config", config, "-resource-dir", RESOURCES, "-json-output", results,
               "-allow-unimplemented", "-pipe", "-num-workers", args.workers, "-idle-timeout",
               "3s" if args.own else "15s"]
    if args.only:
        command += ["-test", args.only]
    if args.disabled:
        command.append("-include-disabled")
    if not args.errors:
        command.append("-loose-errors")
    log = WORK / "runner.log"
    started = time.time()
    with log.open("wb") as file:
        subprocess.run(wine.command(*command), env=wine.environment(), cwd=WORK, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    wine.close()
    if not results.exists():
        print(log.read_text(errors="replace")[-2000:])
        print("0 passed, 1 failed, 0 skipped")
        return 1
    tests = json.loads(results.read_text())["tests"]
    table = collections.defaultdict(collections.Counter)
    for name, test in tests.items():
        table[area_of(name)][test["actual"]] += 1
    failures = re.split(r"^FAILED ", log.read_text(errors="replace"), flags=re.M)[1:]
    for failure in failures:
        print("  FAIL ", failure.split("PASSED")[0][:600].rstrip())
    total = sum(table.values(), collections.Counter())
    print(f"{'':28}{'passed':>8}{'failed':>8}{'no way':>8}")
    for area, _ in AREAS:
        row = table[area]
        print(f"{area:28}{row['PASS']:8}{row['FAIL']:8}{row['SKIP']:8}")
    print(f"{time.time() - started:.0f} s")
    print(f"{total['PASS']} passed, {total['FAIL']} failed, {total['SKIP']} skipped")
    return 1 if total["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
