"""A server on asyncssh. Its one argument is a JSON object; it prints its port, and ends when its input does."""

import asyncio
import json
import sys

import asyncssh

settings = json.loads(sys.argv[1])


class Server(asyncssh.SSHServer):
    def public_key_auth_supported(self):
        return True

    async def validate_public_key(self, username, key):
        # As one that looks the key up elsewhere.
        await asyncio.sleep(0.02)
        return key.export_public_key().decode().split()[:2] == settings["userKey"].split()[:2]

    def password_auth_supported(self):
        return True

    async def validate_password(self, username, password):
        await asyncio.sleep(0.02)
        return password == settings["password"]

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("First: ", False), ("Second: ", True)]

    async def validate_kbdint_response(self, username, responses):
        await asyncio.sleep(0.02)
        return responses == settings["answers"]


async def run(process):
    pipe = asyncio.subprocess.PIPE
    command = await asyncio.create_subprocess_exec("/bin/sh", "-c", process.command, stdin=pipe, stdout=pipe, stderr=pipe)
    feeding = asyncio.ensure_future(copy(process.stdin, command.stdin))
    await asyncio.gather(copy(command.stdout, process.stdout), copy(command.stderr, process.stderr))
    feeding.cancel()
    process.exit(await command.wait())


async def copy(source, target):
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    if isinstance(target, asyncio.StreamWriter):
        target.close()


async def main():
    options = {"server_host_keys": [settings["hostKey"]], "process_factory": run, "encoding": None, "sftp_factory": True}
    if "rekeyThreshold" in settings:
        options["rekey_bytes"] = settings["rekeyThreshold"]
    server = await asyncssh.create_server(Server, "127.0.0.1", 0, **options)
    print(server.get_port(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
