"""What needs no Wine: the links of the documents, the release, the man pages."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import run
from run import BUILD, TOP, WORK, check_files, report


def verdict(what, good, detail=""):
    report("PASS" if good else "FAIL", what, str(detail)[-1500:] if not good else "")


# --- documents ----------------------------------------------------------------------------------------------------


def anchors(text):
    """What GitHub makes of the headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        number = 0
        while (name := anchor + (f"-{number}" if number else "")) in found:
            number += 1
        found.add(name)
    return found


def broken_links(path, top):
    """Links to files that are not there, or to headings that are not; and files in backticks that look like paths of ours."""
    text = path.read_text()
    broken = []
    plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", plain) + re.findall(r'(?:src|href)="([^"]+)"', plain):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = path if not name else path.parent / name
        if not file.exists() or not file.resolve().is_relative_to(top.resolve()):
            broken.append(target)
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            broken.append(target)
    return broken


@check_files
def check_links_of_documents():
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "*.md"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    verdict("the documents there have to be are there", {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "dlls/schannel/ARCHITECTURE.md"} <= set(listed), listed)
    for name in listed:
        broken = broken_links(TOP / name, TOP)
        verdict(f"{name}: its links lead somewhere", not broken, broken)
    # The files that documents name in backticks, where they look like paths of this project.
    for name in listed:
        named = re.findall(r"`((?:dlls|tests|tools|deps|include)/[\w./+-]+)`", (TOP / name).read_text())
        # tools/x64 and x32 are the release's; NAME stands for many.
        missing = [path for path in named if not (TOP / path.rstrip("/")).exists() and "NAME" not in path and not re.match(r"tools/x(64|32)/[\w-]+\.exe$", path)]
        verdict(f"{name}: the files it names are there", not missing, missing)
    probe = WORK / "probe.md"
    probe.write_text("# A heading\n[good](#a-heading) [bad](#another) [file](nothing.md) <img src=\"no.svg\">\n")
    verdict("the check finds links that lead nowhere", broken_links(probe, WORK) == ["#another", "nothing.md", "no.svg"], broken_links(probe, WORK))


@check_files
def check_pictures():
    for picture in (TOP / "tools/pictures").glob("*.svg"):
        text = picture.read_text()
        verdict(f"{picture.name} is a picture by itself", text.startswith("<svg") and text.rstrip().endswith("</svg>") and "<title>" in text and "href=\"http" not in text, text[:200])


@check_files
def check_man_pages():
    for page in sorted((TOP / "tools/man").glob("*.1")):
        if not shutil.which("man"):
            report("SKIP", f"{page.name}: man reads it", "there is no man")
            continue
        done = subprocess.run(["man", "--warnings", "-l", page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C"})
        verdict(f"{page.name}: man reads it without complaints", done.returncode == 0 and not done.stderr and b"SYNOPSIS" in done.stdout, done.stderr.decode())


@check_files
def check_shell_scripts():
    if not shutil.which("shellcheck"):
        report("SKIP", "shellcheck", "it is not there")
        return
    scripts = [*(TOP / "tools").glob("*.sh"), *(TOP / "tests").glob("*.sh"), *(TOP / "deps").glob("*.sh"), TOP / "tools/schannel_gnutls.verb", TOP / ".ci/run"]
    done = subprocess.run(["shellcheck", *scripts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    verdict("shellcheck has nothing to say", done.returncode == 0, done.stdout.decode())


# --- the release --------------------------------------------------------------------------------------------------


def product_version():
    return re.search(r"^PRODUCT_VERSION = (.*)$", (TOP / "Makefile").read_text(), re.M).group(1)


def make_release(folder, **env):
    """The release made in a folder; its archive."""
    unwanted = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    done = subprocess.run(["make", "-C", folder, "dist"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**{k: v for k, v in os.environ.items() if k not in unwanted}, **env})
    archive = folder / "build/dist" / f"schannel-gnutls-{product_version()}.tar.gz"
    if done.returncode or not archive.exists():
        raise RuntimeError(done.stdout.decode()[-1500:])
    return archive


@check_files
def check_release():
    """Its layout is the one Lutris, Bottles and winetricks know, it says what it is made of, and two builds in two folders give the same bytes."""
    version = product_version()
    top = f"schannel-gnutls-{version}"
    for tarball in (BUILD / "deps/tarballs").glob("*.orig.tar.?z*"):  # a mirror may bring upstream's signature, too
        if not tarball.name.endswith(".asc"):
            tarball.with_name(tarball.name + ".asc").touch()
    archive = make_release(TOP)
    unpacked = WORK / "release"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        tar.extractall(unpacked, filter="fully_trusted") if hasattr(tarfile, "data_filter") else tar.extractall(unpacked)
    names = {member.name for member in members}
    verdict("one folder at the top", all(name == top or name.startswith(top + "/") for name in names), names)
    wanted = {"x64/schannel.dll", "x32/schannel.dll", "setup_schannel.sh", "schannel_gnutls.verb", "README.md", "VERSIONS", "SHA256SUMS", "SECURITY.md", "CHANGELOG.md",
              "licences/schannel-gnutls.LGPL-2.1", "licences/gnutls28/COPYING.LESSERv2", "licences/nettle/COPYING.LESSERv3", "licences/gmp/COPYING.LESSERv3",
              "licences/libgcrypt20/COPYING.LIB", "licences/libgcrypt20/LICENSES", "licences/libgpg-error/COPYING.LIB", "licences/libgcc/copyright", "licences/mingw-w64/copyright", "sources/lock",
              *(f"tools/{place}/{tool}.exe" for place in ("x64", "x32") for tool in ("sspi-client", "sspi-server", "sspi-dtls", "trust-ca", "import-pfx"))}
    verdict("all of it is there", {f"{top}/{name}" for name in wanted} <= names, sorted(wanted - {name[len(top) + 1:] for name in names}))
    verdict("and nothing that is not wanted", not [name for name in names if re.search(r"\.debug$|\.o$|\.key$|\.pem$", name)], names)
    verdict("owners and times say nothing of who made it", {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")} and len({m.mtime for m in members}) == 1)
    folder = unpacked / top
    for place, arch in ("x64", "x86_64"), ("x32", "i686"):
        verdict(f"{place}/schannel.dll is that of the build", (folder / place / "schannel.dll").read_bytes() == (BUILD / arch / "schannel.dll").read_bytes())
    checked = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    verdict("SHA256SUMS is right, and names every file", checked.returncode == 0 and there - listed == {"SHA256SUMS"}, checked.stdout.decode() + str(there - listed))
    versions = (folder / "VERSIONS").read_text()
    locked = re.findall(r"^source (?:gmp|nettle|gnutls28|libgcrypt20|libgpg-error) +(\S+)", (TOP / "deps/lock").read_text(), re.M)
    patches = [path.name for path in (TOP / "deps/patches").glob("*.patch")]
    verdict("VERSIONS names what is linked in, and the patches", all(word in versions for word in [*locked, *patches, "libtasn1", "libunistring", "libgcrypt", "libgpg-error", "libgcc", "mingw-w64 ", version]) and not re.search(r"libtasn1 +\(in", versions), versions)
    verdict("the verb has its version", version in (folder / "schannel_gnutls.verb").read_text() and "@VERSION@" not in (folder / "schannel_gnutls.verb").read_text())
    broken = [f"{path.name}: {broken_links(path, folder)}" for path in folder.rglob("*.md") if broken_links(path, folder)]
    verdict("the documents' links lead somewhere in the release, too", not broken, broken)
    here = [str(path) for path in folder.rglob("*") if path.is_file() and str(TOP).encode() in path.read_bytes()]
    verdict("no path of this machine is in any file", not here, here)

    # Once more, in another folder, from what the commit or the working tree holds; GnuTLS is the one that was built here.
    other = WORK / "elsewhere and/another name".replace(" ", "-")
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir(parents=True)
    files = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    for name in files:
        if (TOP / name).is_file():
            (other / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, other / name)
    epoch = subprocess.run(["git", "-C", TOP, "log", "-1", "--format=%ct"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    (other / "build").mkdir()
    (other / "build/deps").symlink_to(BUILD / "deps")  # by the same name below the folder: the debug information holds it
    again = make_release(other, SOURCE_DATE_EPOCH=epoch)
    same = hashlib.sha256(archive.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()
    verdict("two builds in two folders give the same bytes", same, unlike(archive, again) if not same else "")
    shutil.rmtree(other)


def unlike(first, second):
    """The members that differ."""
    contents = []
    for archive in first, second:
        with tarfile.open(archive) as tar:
            contents.append({m.name: (m.mode, m.mtime, hashlib.sha256(tar.extractfile(m).read()).hexdigest() if m.isfile() else "") for m in tar.getmembers()})
    return [name for name in contents[0].keys() | contents[1].keys() if contents[0].get(name) != contents[1].get(name)]


@check_files
def check_what_readme_claims():
    """Each line of the table against Wine's own names its tests, and they exist."""
    table = (TOP / "README.md").read_text().split("| shown by |\n")[1].split("\n\n")[0].splitlines()[1:]
    checks = set(re.findall(r"^def (check_\w+)", "".join(path.read_text() for path in (TOP / "tests").glob("*.py")), re.M))
    targets = set(re.findall(r"^([\w-]+):", (TOP / "Makefile").read_text(), re.M))
    for row in table:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        names = re.findall(r"`([^`]+)`", cells[-1])
        missing = [name for name in names if not (name in checks or (TOP / "tests" / f"{name}.c").exists() or (name.startswith("make ") and name[5:] in targets))]
        verdict(f"README, '{cells[0]}': backed by tests", len(cells) == 5 and names and not missing, (row, missing))
