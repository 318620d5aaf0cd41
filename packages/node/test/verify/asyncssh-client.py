"""Drives an SSH server with asyncssh as its one argument, a JSON object, says; prints the results as JSON."""

import asyncio
import hashlib
import json
import os
import sys

import asyncssh

task = json.loads(sys.argv[1])
prompts = []


class Client(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return "" if "answers" in task and not prompts else None

    def kbdint_challenge_received(self, name, instructions, lang, questions):
        prompts.append([name, instructions, [list(question) for question in questions]])
        return task["answers"][: len(questions)]


async def run(connection, command, data=b""):
    ran = await connection.run(command, input=data, encoding=None)
    out = ran.stdout if len(ran.stdout) < 1000 else hashlib.sha256(ran.stdout).hexdigest().encode()
    return {"out": out.decode(), "err": ran.stderr.decode(), "status": ran.exit_status}


async def main():
    options = {
        "port": task["port"],
        "username": "alice",
        "known_hosts": ([asyncssh.import_public_key(" ".join(task["hostKey"]))], [], []),
        "client_keys": [task["key"]] if "key" in task else None,
        "password": task.get("password"),
        "preferred_auth": "publickey" if "key" in task else "password" if "password" in task else "keyboard-interactive",
        "client_factory": Client,
        "agent_path": None,
        "config": None,
        "keepalive_interval": 0.05,
        "keepalive_count_max": 100,
    }
    if "rekeyThreshold" in task:
        options["rekey_bytes"] = task["rekeyThreshold"]
    result = {"refused": False}
    try:
        async with asyncssh.connect("127.0.0.1", **options) as connection:
            data = os.urandom(4 * 2**20)
            result["version"] = connection.get_extra_info("server_version")
            result["digest"] = hashlib.sha256(data).hexdigest()
            result["simple"] = await run(connection, "sleep 0.2; echo out; echo err >&2; exit 3")
            result["cat"] = await run(connection, "cat", data)
    except asyncssh.PermissionDenied:
        result["refused"] = True
    if prompts:
        result["prompts"] = prompts
    print(json.dumps(result))


asyncio.run(main())
