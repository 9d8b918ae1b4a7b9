"""tools/setup_schannel.sh in real prefixes: what it puts there, what it says, and that nothing stays behind."""

import hashlib
import os
import re
import shutil
import subprocess

import run
from run import TOP, WORK, check, report

SCRIPT = TOP / "tools/setup_schannel.sh"
OVERRIDES = "[Software\\\\Wine\\\\DllOverrides]"
PER_PROGRAM = "[Software\\\\Wine\\\\AppDefaults\\\\game.exe\\\\DllOverrides]"


class Prefix:
    """A copy of a prefix nobody has used yet; and the script, run as its user would."""

    def __init__(self, wine, name, arch="win64", inside=""):
        self.wine, self.root = wine, WORK / "setup" / name
        shutil.rmtree(self.root, ignore_errors=True)
        self.path = self.root / inside if inside else self.root
        self.path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(pristine(wine, arch), self.path, symlinks=True, copy_function=share)
        self.bits = [("system32", "i686" if arch == "win32" else "x86_64")]
        if arch == "win64" and "i686" in wine.arches:
            self.bits.append(("syswow64", "i686"))

    def dll(self, folder="system32"):
        return self.path / "drive_c/windows" / folder / "schannel.dll"

    def script(self, *args, prefix=None, **env):
        """(exit code, all it printed)."""
        return self.wine.run("sh", SCRIPT, *args, WINEPREFIX=prefix or self.path, WINEDEBUG="", **env)

    def program(self, *args, arch=None, **env):
        return self.wine.run("wine", run.BUILD / (arch or self.bits[0][1]) / "tools/sspi-client.exe", *args, WINEPREFIX=self.path, **env)

    def end(self):
        self.wine.run("wineserver", "-k", WINEPREFIX=self.path, timeout=60)
        self.wine.run("wineserver", "-w", WINEPREFIX=self.path, timeout=60)


def share(source, target):
    """Wine's own files, which are many, are the same in all these prefixes: only what is ours to change is copied."""
    if "/drive_c/windows/" in source and not source.endswith("schannel.dll"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def pristine(wine, arch):
    path = WORK / "setup" / f"pristine{wine.version}-{arch}"
    roots = run.BUILD / "trixie/etc/ssl/certs/ca-certificates.crt"
    if isinstance(wine, run.RootWine) and not roots.exists():  # a smallest Debian has none, and doctor would say so
        roots.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", roots)
    if not (path / "system.reg").exists():
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        wine.run("wineboot", "-i", WINEPREFIX=path, WINEARCH=arch, timeout=180)
        wine.run("wineserver", "-w", WINEPREFIX=path, timeout=60)
        # What crypt32 writes when a chain is built for the first time, whoever asks: by our DLL, beside a program and not in the prefix.
        apart, dll = WORK / "setup/apart", run.BUILD / ("i686" if arch == "win32" else "x86_64")
        shutil.rmtree(apart, ignore_errors=True)
        apart.mkdir()
        for file in dll / "schannel.dll", dll / "tools/sspi-client.exe":
            shutil.copy(file, apart)
        wine.run("wine", apart / "sspi-client.exe", "--direct", f"https://localhost:{run.ports['PEER_UNTRUSTED']}/", WINEPREFIX=path, timeout=60)
        wine.run("wineserver", "-k", WINEPREFIX=path, timeout=60)
        wine.run("wineserver", "-w", WINEPREFIX=path, timeout=60)
    return path


def snapshot(path, times=True):
    """Every file and link below: kind, mode, contents, and for files when they were changed."""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            full = os.path.join(folder, name)
            status = os.lstat(full)
            if os.path.islink(full):
                found[os.path.relpath(full, path)] = ("link", os.readlink(full))
            elif os.path.isdir(full):
                found[os.path.relpath(full, path)] = ("folder", status.st_mode)
            else:
                with open(full, "rb") as file:
                    found[os.path.relpath(full, path)] = ("file", status.st_mode, hashlib.sha256(file.read()).hexdigest(), status.st_mtime_ns if times else 0)
    return found


def differences(before, after):
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def registry_without_times(path):
    """Wine stamps keys when it looks at them, and its display driver with the time of its start."""
    text = path.read_text(errors="surrogateescape")
    return re.sub(r'^#time=.*$|(?<=\]) \d+$|^"DriverDate(Data)?"=.*$', "", text, flags=re.M)


def ours(path):
    return path.is_file() and b"@(#)schannel-gnutls " in path.read_bytes()


def verdict(wine, what, good, detail=""):
    report("PASS" if good else "FAIL", f"Wine {wine.version}: setup: {what}", str(detail)[-1500:] if not good else "")


def kinds(wine):
    """The kinds of prefixes this Wine has."""
    return ["win64", "win32"] if "i686" in wine.arches else ["win64"]


@check
def check_setup_installs_and_restores(wine):
    """Installing and removing alone: every byte, mode and time is as before, the registry's too; twice is as once; --dry-run does nothing."""
    for arch in kinds(wine):
        for options in [], ["--symlink"]:
            prefix = Prefix(wine, "plain", arch)
            before = snapshot(prefix.path)
            expected = sorted(f"drive_c/windows/{folder}/schannel.dll" for folder, _ in prefix.bits)
            name = f"{arch} {' '.join(options)}"
            code, output = prefix.script("install", "--dry-run", *options)
            verdict(wine, f"{name} --dry-run changes nothing", code == 0 and "would run" in output and not differences(before, snapshot(prefix.path)), output)
            code, output = prefix.script("install", *options)
            installed = snapshot(prefix.path)
            changed = [path for path in differences(before, installed) if not path.startswith(".schannel-gnutls")]
            verdict(wine, f"{name} install changes schannel.dll and nothing else", code == 0 and changed == expected, (changed, output))
            right = all(prefix.dll(folder).read_bytes() == (run.BUILD / dll / "schannel.dll").read_bytes() and prefix.dll(folder).is_symlink() == bool(options) for folder, dll in prefix.bits)
            verdict(wine, f"{name} each folder has the file of its kind", right, output)
            verdict(wine, f"{name} it says that no override is needed", "no override is needed" in output, output)
            code, output = prefix.script("install", *options)
            again = snapshot(prefix.path)
            changed = [path for path in differences(installed, again) if installed.get(path, ())[:3] != again.get(path, ())[:3]]
            verdict(wine, f"{name} install twice is as once", code == 0 and not changed, (changed, output))
            code, output = prefix.script("uninstall", "--dry-run")
            verdict(wine, f"{name} uninstall --dry-run changes nothing", code == 0 and all(ours(prefix.dll(folder)) for folder, _ in prefix.bits), output)
            code, output = prefix.script("uninstall")
            verdict(wine, f"{name} uninstall leaves the prefix as it was", code == 0 and not differences(before, snapshot(prefix.path)), (differences(before, snapshot(prefix.path)), output))
            code, output = prefix.script("uninstall")
            verdict(wine, f"{name} uninstall twice is as once", code == 0 and "nothing of ours" in output and not differences(before, snapshot(prefix.path)), output)


@check
def check_setup_in_use(wine):
    """With programs in between: status and doctor, connections, an update of the prefix. Afterwards the files are as before, and the registry's values."""
    url = f"https://localhost:{run.ports['PEER_NGINX']}/"
    for arch in kinds(wine):
        prefix = Prefix(wine, "used", arch)
        before, registries = snapshot(prefix.path, times=False), {name: registry_without_times(prefix.path / name) for name in ("system.reg", "user.reg", "userdef.reg")}
        code, output = prefix.script("status")
        verdict(wine, f"{arch}: status before says whose it is", code == 0 and "Wine's own Schannel, not this one" in output and "schannel-gnutls" not in output, output)
        code, output = prefix.script("doctor")
        verdict(wine, f"{arch}: doctor before finds it missing", code == 1 and "PROBLEM  system32/schannel.dll is not ours: run install" in output and "programs load Wine's own" in output, output)
        prefix.script("install")
        code, output = prefix.script("status")
        good = code == 0 and "clients may speak         TLS 1.2, TLS 1.3" in output and re.search(r"trusted roots +\d{2,}: ", output)
        good = good and "not tried" not in output
        for bits in {64 if dll == "x86_64" else 32 for _, dll in prefix.bits}:
            good = good and re.search(rf"^{bits}-bit programs load +C:.windows.system32.schannel.dll{' .syswow64.' if bits == 32 and arch == 'win64' else ''}, schannel-gnutls [\d.]+, GnuTLS [\d.]+$", output, re.M)
        verdict(wine, f"{arch}: status says what programs load", good, output)
        code, output = prefix.script("doctor")
        good = code == 0 and "Nothing is wrong." in output and output.count("has spoken TLS 1.3 ") == output.count("and it refuses that server's certificate") == len(prefix.bits)
        verdict(wine, f"{arch}: doctor makes connections", good, output)
        for _, dll in prefix.bits:
            code, output = prefix.program("-insecure", url, arch=dll)
            verdict(wine, f"{arch}: a program of {dll} works", code == 0 and "schannel-gnutls" in output, output)
        prefix.wine.run("wineboot", "-u", WINEPREFIX=prefix.path, timeout=120)
        prefix.end()
        verdict(wine, f"{arch}: an update of the prefix leaves it there", all(ours(prefix.dll(folder)) for folder, _ in prefix.bits))
        prefix.script("uninstall")
        changed = [path for path in differences(before, snapshot(prefix.path, times=False)) if not path.endswith(".reg") and not re.match(r"drive_c/(users|windows/temp)/|\.update-timestamp", path)]
        values = [name for name, text in registries.items() if registry_without_times(prefix.path / name) != text]
        verdict(wine, f"{arch}: afterwards the files are as before", not changed, changed)
        control = Prefix(wine, "control", arch)
        control.program("-insecure", url)
        control.wine.run("wineboot", "-u", WINEPREFIX=control.path, timeout=120)
        control.end()
        unlike = [name for name in values if registry_without_times(prefix.path / name) != registry_without_times(control.path / name)]
        verdict(wine, f"{arch}: afterwards the registry is as in a prefix that never had it", not unlike, unlike)
        code, output = prefix.script("status")
        verdict(wine, f"{arch}: status afterwards", "Wine's own Schannel, not this one" in output, output)
        prefix.end()


def edit(path, section, line):
    """Adds a line to a section of user.reg, which may have to be made."""
    text = path.read_text(errors="surrogateescape")
    if section in text:
        text = re.sub(re.escape(section) + r"[^\n]*\n(#time[^\n]*\n)?", lambda found: found.group(0) + line + "\n", text, count=1)
    else:
        text += f"\n{section} 1795444153\n#time=1dd7b5703186cc6\n{line}\n"
    path.write_text(text, errors="surrogateescape")


@check
def check_setup_overrides(wine):
    """Only what keeps native files out is changed, for single programs, too; and put back."""
    arch = wine.arches[0]
    rows = (('"schannel"="builtin"', OVERRIDES, True), ('"*schannel"="builtin,native"', OVERRIDES, True), ('"schannel"=""', OVERRIDES, True), ('"schannel"="builtin"', PER_PROGRAM, True),
            ('"schannel"="native,builtin"', OVERRIDES, False), ('"schannel"="n"', OVERRIDES, False), ('"secur32"="builtin"', OVERRIDES, False))
    for line, section, blocks in rows:
        prefix = Prefix(wine, "overrides")
        edit(prefix.path / "user.reg", section, line)
        before = snapshot(prefix.path)
        text = (prefix.path / "user.reg").read_text(errors="surrogateescape")
        if blocks and section == OVERRIDES:
            code, output = prefix.script("doctor")
            verdict(wine, f"doctor names {line}", code == 1 and "an override keeps the file out" in output, output)
            prefix.end()
            prefix = Prefix(wine, "overrides")
            edit(prefix.path / "user.reg", section, line)
            before = snapshot(prefix.path)
        code, output = prefix.script("install")
        now = (prefix.path / "user.reg").read_text(errors="surrogateescape")
        wanted = text.replace(line, line.split("=")[0] + '="native,builtin"') if blocks else text
        verdict(wine, f"install with {line} of {section}", code == 0 and now == wanted and ("keeps native files out" in output) == blocks, output)
        code, output = prefix.script("install")
        verdict(wine, f"and again with {line}", code == 0 and (prefix.path / "user.reg").read_text(errors="surrogateescape") == wanted, output)
        code, output = prefix.script("uninstall")
        changed = [path for path in differences(before, snapshot(prefix.path)) if path != "user.reg"]
        verdict(wine, f"uninstall with {line}", code == 0 and not changed and (prefix.path / "user.reg").read_text(errors="surrogateescape") == text, (changed, output))
    prefix = Prefix(wine, "overrides")
    edit(prefix.path / "user.reg", OVERRIDES, '"schannel"="builtin"')
    wine.run("wineserver", "-p600", WINEPREFIX=prefix.path)
    _, output = prefix.program("--probe")
    verdict(wine, "without the script that override keeps ours out", "product: schannel-gnutls" not in output, output)
    code, output = prefix.script("install")
    running = code == 1 and "Wine is running in this prefix" in output
    prefix.end()
    code, output2 = prefix.script("install")
    _, probed = prefix.program("--probe", arch=arch)
    verdict(wine, "while Wine runs the registry's file is left alone; afterwards the override lets ours in", running and code == 0 and "product: schannel-gnutls" in probed, (output, output2, probed))
    prefix.end()


@check
def check_setup_doctor_finds(wine):
    """Each thing that can be wrong, one at a time: a sentence about it, and exit 1."""
    prefix = Prefix(wine, "sick")
    prefix.script("install")
    code, output = prefix.script("doctor")
    verdict(wine, "doctor finds nothing in a good prefix", code == 0, output)
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"

    def switch(value):
        for version in "TLS 1.2", "TLS 1.3":
            wine.run("wine", "reg", "add", rf"{key}\{version}\Client", "/v", "Enabled", "/t", "REG_DWORD", "/d", str(value), "/f", WINEPREFIX=prefix.path)

    def wrong_kind():
        shutil.copy(run.BUILD / "i686/schannel.dll", prefix.dll())

    fewer_roots = str(WORK / "setup/few")
    (WORK / "setup/few").write_text('#!/bin/sh\nwine "$@" | sed "s/^roots: .*/roots: 3/"\n')
    (WORK / "setup/few").chmod(0o755)
    rows = (("the registry turned TLS off", lambda: switch(0), {}, "the registry has turned TLS 1.2 and TLS 1.3 off", lambda: switch(1)),
            ("an override in the environment", lambda: None, {"WINEDLLOVERRIDES": "schannel=b"}, "WINEDLLOVERRIDES in the environment names schannel", lambda: None),
            ("a file of the wrong kind", wrong_kind, {}, "system32/schannel.dll is of the wrong kind (x32, and x64 belongs there)", lambda: prefix.script("install")),
            ("no file", lambda: prefix.dll().unlink(), {}, "there is no Schannel: there is no system32/schannel.dll; run install", lambda: prefix.script("install")),
            ("too few roots", lambda: None, {"_wine": fewer_roots}, "trusts 3 roots, so nearly every server will be refused", lambda: None),
            ("a Wine that is none", lambda: None, {"_wine": "/bin/false"}, "no 64-bit program runs in this prefix", lambda: None))
    for name, harm, env, sentence, mend in rows:
        harm()
        options = ["--wine", env.pop("_wine")] if "_wine" in env else []
        code, output = prefix.script("doctor", *options, **env)
        verdict(wine, f"doctor finds: {name}", code == 1 and "PROBLEM  " in output and sentence in output, output)
        mend()
    code, output = prefix.script("doctor", SSLKEYLOGFILE="/tmp/keys")
    verdict(wine, "doctor is content again, and mentions SSLKEYLOGFILE", code == 0 and "SSLKEYLOGFILE is set" in output and not os.path.exists("/tmp/keys"), output)
    prefix.end()


@check
def check_setup_refuses(wine):
    """What is no prefix stays what it is; what makes no sense is said."""
    prefix = Prefix(wine, "plain")
    empty = WORK / "setup/empty"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir()
    (empty / "system.reg").write_text("not a registry\n")
    for name, args, code_, sentence in (("no folder", ["install", "--prefix", str(WORK / "setup/nowhere")], 1, "is no Wine prefix"), ("no prefix", ["install", "--prefix", str(empty)], 1, "is no Wine prefix"),
                                        ("no value", ["install", "--prefix"], 1, "needs a value"), ("two commands", ["install", "uninstall"], 1, "one at a time"), ("nonsense", ["instal"], 1, "what is 'instal'?"),
                                        ("no command", [], 2, "usage"), ("help", ["help"], 0, "usage"), ("no bottle", ["install", "--bottle", "nobody"], 1, "no bottle 'nobody'"),
                                        ("no game", ["status", "--steam", "1"], 1, "no prefix for 1")):
        code, output = prefix.script(*args)
        verdict(wine, f"{name}: exit {code_}", code == code_ and sentence in output, (code, output))
    if not os.geteuid():
        os.chown(prefix.path, 12345, -1)
        before = snapshot(prefix.path)
        code, output = prefix.script("install")
        verdict(wine, "another user's prefix is left to its owner", code == 1 and "run it as its owner" in output and not differences(before, snapshot(prefix.path)), output)
    verdict(wine, "nothing was made", not (WORK / "setup/nowhere").exists() and [path.name for path in empty.iterdir()] == ["system.reg"])


@check
def check_setup_proton_and_bottles(wine):
    """Prefixes as Proton and Bottles lay them out: found by number and name, Proton's links not written through, its upgrade noticed."""
    home = WORK / "setup/home"
    shutil.rmtree(home, ignore_errors=True)
    library = "setup/home/games/steamapps/compatdata/4711"
    prefix = Prefix(wine, library, inside="pfx")
    (home / ".local/share/Steam/steamapps").mkdir(parents=True)
    (home / ".local/share/Steam/steamapps/libraryfolders.vdf").write_text(f'"libraryfolders"\n{{\n\t"1"\n\t{{\n\t\t"path"\t\t"{WORK}/setup/{library.split("/steamapps")[0]}"\n\t}}\n}}\n')
    proton = WORK / "setup/home/Proton/files"
    theirs = proton / "lib64/wine/x86_64-windows/schannel.dll"
    theirs.parent.mkdir(parents=True)
    shutil.copy(prefix.dll(), theirs)
    original = theirs.read_bytes()
    prefix.dll().unlink()
    prefix.dll().symlink_to(theirs)
    (prefix.root / "tracked_files").write_text("drive_c/windows/system32/schannel.dll\ndrive_c/windows/system32/secur32.dll\n")
    (prefix.root / "version").write_text("9.0-200\n")
    (prefix.root / "config_info").write_text(f"9.0-200\n{proton}/share/fonts/\n{proton}/lib/\n")
    (proton / "bin").mkdir()
    (proton / "bin/wine64").write_text('#!/bin/sh\necho "proton runs $*" >>"$PROTON_LOG"\nexec wine "$@"\n')
    (proton / "bin/wine64").chmod(0o755)
    log = WORK / "setup/home/log"
    env = {"HOME": home, "PROTON_LOG": log}
    before = snapshot(prefix.root)
    code, output = prefix.script("install", "--steam", "4711", **env)
    good = code == 0 and ours(prefix.dll()) and not prefix.dll().is_symlink() and theirs.read_bytes() == original
    verdict(wine, "Proton: the link is replaced, not written through", good and "an upgrade of Proton may put its own file back" in output, output)
    code, output = prefix.script("doctor", "--prefix", str(prefix.root), **env)
    verdict(wine, "Proton: its own Wine is run, and the list is mentioned", code == 0 and log.exists() and "an upgrade of Proton removes ours" in output and "has spoken TLS 1.3" in output, output)
    prefix.end()
    prefix.dll().unlink()
    prefix.dll().symlink_to(theirs)
    code, output = prefix.script("status", "--steam", "4711", **env)
    verdict(wine, "Proton: status sees that an upgrade has put its own back", "not ours any more: an update has put another file there; run install again" in output, output)
    prefix.end()
    code, output = prefix.script("install", "--steam", "4711", **env)
    code, output = prefix.script("uninstall", "--steam", "4711", **env)
    changed = [path for path in differences(before, snapshot(prefix.root)) if not re.search(r"\.reg$|/users/|windows/temp|wineserver$|\.update-timestamp|dosdevices|drive_c/ProgramData", path)]
    verdict(wine, "Proton: uninstall puts the link back", code == 0 and prefix.dll().is_symlink() and os.readlink(prefix.dll()) == str(theirs) and not changed, (changed, output))
    prefix.dll().unlink()
    prefix.script("install", "--symlink", "--steam", "4711", **env)
    prefix.dll().unlink()
    shutil.copy(theirs, prefix.dll())
    code, output = prefix.script("uninstall", "--steam", "4711", **env)
    verdict(wine, "what is not ours any more stays", code == 0 and "is not ours any more, and stays" in output and prefix.dll().read_bytes() == original and not (prefix.path / ".schannel-gnutls").exists(), output)

    for number, folder in enumerate((".local/share/bottles/bottles", ".var/app/com.usebottles.bottles/data/bottles/bottles")):
        prefix = Prefix(wine, f"home/{folder}/My-Bottle")
        (prefix.path / "bottle.yml").write_text("Name: My Bottle\nRunner: soda-9.0-1\n")
        code, output = prefix.script("install", "--bottle", "My Bottle", prefix="/nonexistent", HOME=home)
        verdict(wine, f"Bottles: found in {folder}", code == 0 and ours(prefix.dll()), output)
        code, output = prefix.script("status", "--bottle", "My Bottle", HOME=home)
        verdict(wine, "Bottles: without its runner no other Wine is run in it", code == 0 and "cannot be told" in output, output)
        shutil.rmtree(prefix.path)


@check
def check_setup_links_that_lead_nowhere(wine):
    """--symlink, and the release is gone: install puts a new one, and still knows what was there first."""
    release = WORK / "setup/release"
    shutil.rmtree(release, ignore_errors=True)
    for place, arch in ("x64", "x86_64"), ("x32", "i686"):
        (release / place).mkdir(parents=True)
        shutil.copy(run.BUILD / arch / "schannel.dll", release / place)
    shutil.copy(SCRIPT, release)
    prefix = Prefix(wine, "links")
    before = snapshot(prefix.path)
    run_there = lambda *args: wine.run("sh", release / "setup_schannel.sh", *args, WINEPREFIX=prefix.path)
    run_there("install", "--symlink")
    shutil.rmtree(release / "x64")
    code, output = prefix.script("status")
    seen = "a link to a file that is not there" in output
    prefix.end()
    code, output2 = prefix.script("install")
    good = code == 0 and ours(prefix.dll()) and not prefix.dll().is_symlink()
    prefix.script("uninstall")
    left = [path for path in differences(before, snapshot(prefix.path)) if not re.search(r"\.reg$|users/|temp|timestamp|wineserver$|ProgramData", path)]
    verdict(wine, "a link that leads nowhere is replaced, and what was there before it comes back", seen and good and not left, (output, output2, left))
    code, output = wine.run("sh", release / "setup_schannel.sh", "install", WINEPREFIX=prefix.path)
    verdict(wine, "a release that is not whole is not installed", code == 1 and "unpack the whole release" in output and not ours(prefix.dll()), output)


@check
def check_setup_by_winetricks(wine):
    """Its verb, run by Debian's winetricks: from the unpacked release, and from the archive in winetricks' cache."""
    fetched = subprocess.run([TOP / "deps/fetch.sh", run.BUILD / "deps/tarballs", "winetricks"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if fetched.returncode:
        report("SKIP", f"Wine {wine.version}: setup: winetricks", "it cannot be had: " + fetched.stdout.decode()[-200:])
        return
    home = WORK / "setup/tricks"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    subprocess.run(["tar", "-xf", *(run.BUILD / "deps/tarballs").glob("winetricks_*.orig.tar.gz"), "-C", home, "--strip-components=1"], check=True)
    for place, arch in ("x64", "x86_64"), ("x32", "i686"):
        (home / "release" / place).mkdir(parents=True)
        shutil.copy(run.BUILD / arch / "schannel.dll", home / "release" / place)
    verb = (TOP / "tools/schannel_gnutls.verb").read_text().replace("@VERSION@", "1.2.3")
    (home / "release/schannel_gnutls.verb").write_text(verb)
    (home / "alone").mkdir()
    (home / "alone/schannel_gnutls.verb").write_text(verb)
    cache = home / "cache/winetricks/schannel_gnutls"
    # winetricks wants a program to download with; nothing is to be downloaded.
    (home / "bin").mkdir()
    for program in "wget", "curl", "aria2c":
        (home / "bin" / program).write_text('#!/bin/sh\necho "$0 $*" >>"$HOME/downloads"\nexit 1\n')
        (home / "bin" / program).chmod(0o755)
    env = {"HOME": home, "PATH": f"{home}/bin:{os.environ['PATH']}", "XDG_CACHE_HOME": home / "cache", "WINETRICKS_LATEST_VERSION_CHECK": "disabled", "WINEDEBUG": "-all"}
    tricks = lambda prefix, folder: wine.run("sh", home / "src/winetricks", "-q", "./schannel_gnutls.verb", WINEPREFIX=prefix.path, cwd=home / folder, **env)
    for arch in kinds(wine):
        prefix = Prefix(wine, "winetricks", arch)
        code, output = tricks(prefix, "alone")
        refused = code != 0 and "Please unpack schannel-gnutls-1.2.3.tar.gz" in output and not ours(prefix.dll())
        verdict(wine, f"winetricks, {arch}: without the release there is nothing to install", refused, output)
        code, output = tricks(prefix, "release")
        good = code == 0 and all(prefix.dll(folder).read_bytes() == (run.BUILD / dll / "schannel.dll").read_bytes() for folder, dll in prefix.bits)
        verdict(wine, f"winetricks, {arch}: from the unpacked release", good, output)
        prefix.end()
        prefix = Prefix(wine, "winetricks", arch)
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "-czf", cache / "schannel-gnutls-1.2.3.tar.gz", "--transform=s,^release,schannel-gnutls-1.2.3,", "-C", home, "release"], check=True)
        code, output = tricks(prefix, "alone")
        good = code == 0 and all(prefix.dll(folder).read_bytes() == (run.BUILD / dll / "schannel.dll").read_bytes() for folder, dll in prefix.bits)
        verdict(wine, f"winetricks, {arch}: from its cache", good, output)
        prefix.end()
        shutil.rmtree(cache)
    verdict(wine, "winetricks has downloaded nothing", not (home / "downloads").exists())


WITHOUT_GNUTLS = "for file in /usr/lib/*/libgnutls.so.30* /lib/*/libgnutls.so.30*; do [ ! -f $file ] || mount --bind /dev/null $file; done; exec \"$@\""


def without_gnutls(wine, *args, **env):
    # "unchanged": Wine 10's root folder is no mount point, and its mounts are its own already.
    return wine.run("unshare", "--mount", "--propagation", "unchanged" if isinstance(wine, run.RootWine) else "private", "sh", "-c", WITHOUT_GNUTLS, "sh", *args, **env)


@check
def check_setup_without_libgnutls(wine):
    """On a machine whose GnuTLS cannot be loaded secur32 knows no Schannel; named in the registry, ours works all the same. That, too, is taken back."""
    if os.geteuid():
        report("SKIP", f"Wine {wine.version}: setup: without libgnutls", "hiding a library needs root")
        return
    for arch in kinds(wine):
        prefix = Prefix(wine, "register", arch)
        for value in None, '"SecurityProviders"=""', '"SecurityProviders"="credssp.dll"':
            section = "[System\\\\ControlSet001\\\\Control\\\\SecurityProviders]" if "[System\\\\ControlSet001" in (prefix.path / "system.reg").read_text(errors="surrogateescape") else "[System\\\\CurrentControlSet\\\\Control\\\\SecurityProviders]"
            prefix = Prefix(wine, "register", arch)
            if value:
                edit(prefix.path / "system.reg", section, value)
            before = snapshot(prefix.path)
            code, output = prefix.script("install", "--register")
            named = (prefix.path / "system.reg").read_text(errors="surrogateescape").count("schannel.dll\"\n")
            verdict(wine, f"{arch} --register with {value}", code == 0 and named and "needs no libgnutls" in output, output)
            code, output = prefix.script("install", "--register")
            again = (prefix.path / "system.reg").read_text(errors="surrogateescape").count("schannel.dll\"\n")
            code, output = prefix.script("uninstall")
            changed = [path for path in differences(before, snapshot(prefix.path)) if path != "system.reg"]
            same = before["system.reg"][2] == snapshot(prefix.path)["system.reg"][2]
            verdict(wine, f"{arch} --register with {value}: once is enough, and it is taken back to the byte", again == named and same and not changed, (changed, same, output))
        prefix = Prefix(wine, "register", arch)
        hidden = lambda *args: without_gnutls(wine, "sh", SCRIPT, *args, WINEPREFIX=prefix.path, WINEDEBUG="")
        prefix.script("install")
        code, output = hidden("doctor")
        verdict(wine, f"{arch}: without libgnutls doctor says what to do", code == 1 and "finds no" in output and "run install --register" in output, output)
        prefix.end()
        code, output = hidden("install", "--register")
        code, output = hidden("doctor")
        verdict(wine, f"{arch}: without libgnutls, registered: doctor is content", code == 0 and output.count("has spoken TLS 1.") == len(prefix.bits), output)
        code, output = prefix.script("doctor")
        verdict(wine, f"{arch}: and with libgnutls it does no harm", code == 0, output)
        prefix.end()
        _, output = prefix.script("uninstall")
        left = re.findall(r'^"SecurityProviders"=.*', (prefix.path / "system.reg").read_text(errors="surrogateescape"), re.M)
        verdict(wine, f"{arch}: after programs ran it is taken back, too", not left and "names schannel.dll no more" in output, (left, output))
    for arch in wine.arches:
        for peer, expected in ("PEER_OPENSSL", 0), ("PEER_UNTRUSTED", 5), ("PEER_SIGNED_ECDSA", 5):  # the last: Wine's bcrypt verifies no ECDSA then, which README says
            url = f"https://localhost:{run.ports[peer]}/"
            code, output = without_gnutls(wine, "wine", run.BUILD / arch / "tools/sspi-client.exe", "--direct", "--brief", url)
            verdict(wine, f"{arch}: without libgnutls, {peer}: exit {expected}", code == expected, output)
