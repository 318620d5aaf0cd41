"""Drives an SFTP server with paramiko's SFTPClient as its one argument, a JSON object, says; prints what came of it as JSON."""

import base64
import hashlib
import json
import os
import stat
import sys

import paramiko

ask = json.loads(sys.argv[1])
local, root = ask["local"], ask["root"]
host_key = paramiko.PKey.from_type_string(ask["hostKey"][0], base64.b64decode(ask["hostKey"][1]))
transport = paramiko.Transport(("127.0.0.1", ask["port"]))
transport.connect(hostkey=host_key, username="alice", pkey=paramiko.PKey.from_path(ask["key"]))
sftp = paramiko.SFTPClient.from_transport(transport)
sftp.get_channel().settimeout(40)
result = {}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def error(call, *words):
    try:
        call(*words)
    except OSError as problem:
        return [type(problem).__name__, problem.errno, str(problem)]
    return None


# Whole files: put asks for the size afterwards, get and getfo ask for all blocks ahead.
result["put"] = sftp.put(f"{local}/large", "/large", confirm=True).st_size
sftp.get("/large", f"{local}/paramiko-back", prefetch=True, max_concurrent_prefetch_requests=64)
sftp.get("/large", f"{local}/paramiko-slow", prefetch=False)

# Directories.
sftp.mkdir("/d", 0o750)
sftp.chdir("/d")
result["cwd"] = sftp.getcwd()
result["normal"] = sftp.normalize("../d/./x")
result["listed"] = sorted(
    [entry.filename, entry.st_size, oct(entry.st_mode), int(entry.st_mtime)] for entry in sftp.listdir_attr("/many/d0")
)
result["iterated"] = sum(1 for directory in range(10) for _ in sftp.listdir_iter(f"/many/d{directory}", read_aheads=20))

# One file, in pieces.
with sftp.open("f", "wx") as file:
    file.set_pipelined(True)
    for part in range(100):
        file.write(b"%09d\n" % part)
result["exclusive"] = error(sftp.open, "f", "x")
with sftp.open("f", "r+") as file:
    file.seek(500)
    file.write(b"changed\n")
    file.flush()
    file.truncate(900)
    result["readv"] = [part.decode() for part in file.readv([(0, 9), (500, 7), (890, 100)])]
    file.chmod(0o640)
    file.utime((1, 1_000_000_000))
    result["unsupported"] = error(file.check, "md5")
with sftp.open("f", "a") as file:
    result["before"] = file.stat().st_size
    file.write(b"end\n")
with sftp.open("f") as file:
    lines = file.readlines()
    result["lines"] = [len(lines), lines[-1]]

# Names, attributes and links.
sftp.symlink("f", "l")
result["link"] = [sftp.readlink("l"), stat.S_ISLNK(sftp.lstat("l").st_mode), sftp.stat("l").st_size]
sftp.truncate("f", 10)
sftp.chmod("f", 0o600)
sftp.utime("f", (2, 1_100_000_000))
facts = sftp.stat("f")
result["stat"] = [facts.st_size, oct(facts.st_mode), int(facts.st_atime), int(facts.st_mtime)]
with sftp.open("g", "w") as file:
    file.write("g")
result["rename"] = error(sftp.rename, "f", "g")
sftp.posix_rename("f", "g")
name = bytes(byte for byte in range(1, 256) if byte != 0x2F)
with sftp.open(b"/d/" + name, "w") as file:
    file.write("all")
sftp.rename(b"/d/" + name, b"/d/" + name[::-1])
result["missing"] = error(sftp.stat, "none")
result["full"] = error(sftp.rmdir, "/d")
sftp.remove("l")

# A file that is replaced in mid-transfer: a reader stays with the old one, and put notices that the new one has another size.
with sftp.open("/large") as file:
    first = file.read(1_000_000)
    os.rename(f"{local}/new", f"{root}/large")
    result["old"] = digest(first + file.read())
with sftp.open("/large") as file:
    result["new"] = file.read().decode()


def replace(done, total):
    if os.path.exists(f"{local}/newer"):
        os.rename(f"{local}/newer", f"{root}/large")


result["replaced"] = error(sftp.put, f"{local}/large", "/large", replace)

sftp.close()
transport.close()
print(json.dumps(result))
