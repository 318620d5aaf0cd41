"""Puts and gets a tree with asyncssh as its one argument, a JSON object, says; prints what came of it as JSON."""

import asyncio
import json
import sys

import asyncssh

ask = json.loads(sys.argv[1])


async def main():
    options = {"username": "alice", "client_keys": [ask["key"]], "known_hosts": ask["known"], "config": None}
    async with asyncssh.connect("127.0.0.1", ask["port"], **options) as connection, connection.start_sftp_client() as sftp:
        local = ask["local"].encode()
        await sftp.put(local + b"/tree", b"/tree", recurse=True, preserve=True)
        await sftp.get(b"/tree", local + b"/back", recurse=True, preserve=True)
        return {
            "link": await sftp.readlink("/tree/shapes/link"),
            "names": len(await sftp.listdir(b"/tree/names")),
            "missing": not await sftp.exists("/none"),
        }


print(json.dumps(asyncio.run(main())))
