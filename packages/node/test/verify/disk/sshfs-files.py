"""Works on a mounted directory as its one argument, a JSON object, says; prints what came of it as JSON.

A program of its own, because a call on the mount blocks until the server, which is the parent, has answered."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys

ask = json.loads(sys.argv[1])
local, root, mount = ask["local"], ask["root"], ask["mount"]
os.chdir(mount)
result = {}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def error(call, *words):
    try:
        call(*words)
    except OSError as problem:
        return errno.errorcode[problem.errno]
    return None


# Directories and whole files.
result["listed"] = sorted([entry.name, entry.stat().st_size] for entry in os.scandir("many"))
shutil.copyfile(f"{local}/large", "large")
result["large"] = digest("large")
subprocess.run(["cp", "-a", f"{local}/tree", "."], check=True)
subprocess.run(["diff", "-r", f"{local}/tree", "tree"], check=True)

# One file, in pieces.
file = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
os.write(file, b"0123456789" * 1000)
os.pwrite(file, b"changed", 5000)
os.fsync(file)
result["read"] = os.pread(file, 10, 4998).decode()
os.ftruncate(file, 6000)
result["shorter"] = os.fstat(file).st_size
os.truncate("f", 7000)
os.rename("f", "g")
os.pwrite(file, b"after the rename", 6990)
os.close(file)
file = os.open("g", os.O_WRONLY | os.O_APPEND)
os.write(file, b" appended")
os.close(file)
with open("g", "rb") as file:
    data = file.read()
result["file"] = [len(data), data[4998:5008].decode(), data[6500:6503].hex(), data[-25:].decode()]

# Beyond 4 GiB.
with open("sparse", "wb") as file:
    file.truncate(5 * 2**30)
    file.seek(4 * 2**30 + 5)
    file.write(b"far")
with open("sparse", "rb") as file:
    file.seek(4 * 2**30 + 4)
    result["sparse"] = [os.stat("sparse").st_size, file.read(5).hex()]

# Names, attributes and links.
os.chmod("g", 0o600)
os.utime("g", (1_000_000_000, 1_100_000_000))
facts = os.stat("g")
result["stat"] = [oct(facts.st_mode), int(facts.st_atime), int(facts.st_mtime)]
os.symlink("g", "soft")
os.symlink("nowhere", "dangling")
os.link("g", "hard")
result["links"] = [os.readlink("soft"), os.readlink("dangling"), os.path.getsize("soft"), os.path.getsize("hard")]
with open("old", "w") as file:
    file.write("old")
os.replace("hard", "old")
os.makedirs("d/e")
result["errors"] = [
    error(os.stat, "none"),
    error(os.mkdir, "d"),
    error(os.rmdir, "d"),
    error(os.rename, "none", "other"),
    error(os.open, "g", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    error(os.readlink, "g"),
    error(os.mkdir, "n" * 256),
]
shutil.rmtree("d")
space = os.statvfs(".")
result["space"] = space.f_frsize * space.f_blocks

# A file that is replaced in mid-transfer.
with open("large", "rb", buffering=0) as file:
    data = file.read(100_000)
    os.rename(f"{local}/new", f"{root}/large")
    while part := file.read(1_000_000):
        data += part
result["old"] = hashlib.sha256(data).hexdigest()
print(json.dumps(result))
