"""Drives an SSH server with paramiko as its one argument, a JSON object, says; prints what came of it as JSON."""

import base64
import hashlib
import json
import os
import sys

import paramiko

ask = json.loads(sys.argv[1])
host_key = paramiko.PKey.from_type_string(ask["hostKey"][0], base64.b64decode(ask["hostKey"][1]))

transport = paramiko.Transport(("127.0.0.1", ask["port"]), disabled_algorithms={"keys": ask.get("notHostKeys", [])})
transport.start_client(timeout=20)
if transport.get_remote_server_key() != host_key:
    sys.exit("the host key is another one")

result = {"version": transport.remote_version, "cipher": transport.remote_cipher, "strict": transport.agreed_on_strict_kex}
try:
    if "key" in ask:
        transport.auth_publickey("alice", paramiko.PKey.from_path(ask["key"]))
    elif "password" in ask:
        transport.auth_password("alice", ask["password"], fallback=False)
    else:
        prompts = []

        def answer(title, instructions, questions):
            prompts.append([title, instructions, questions])
            return ask["answers"][: len(questions)]

        transport.auth_interactive("alice", answer)
        result["prompts"] = prompts
except paramiko.BadAuthenticationType as error:
    result["refused"] = error.allowed_types
except paramiko.AuthenticationException:
    result["refused"] = []
if not transport.is_authenticated():
    print(json.dumps(result))
    transport.close()
    sys.exit()


def run(command, data=b"", signal=None):
    channel = transport.open_session(timeout=20)
    channel.settimeout(20)
    channel.exec_command(command)
    if signal is not None:
        channel.recv(6)
        request = paramiko.Message()
        request.add_byte(bytes([98]))
        request.add_int(channel.remote_chanid)
        request.add_string("signal")
        request.add_boolean(False)
        request.add_string(signal)
        transport._send_user_message(request)
    channel.sendall(data)
    channel.shutdown_write()
    out = b"".join(iter(lambda: channel.recv(65536), b""))
    err = b"".join(iter(lambda: channel.recv_stderr(65536), b""))
    status = channel.recv_exit_status()
    channel.close()
    return {"out": out.decode("latin1") if len(out) < 1000 else hashlib.sha256(out).hexdigest(), "err": err.decode(), "status": status}


data = os.urandom(4 * 2**20)
result["digest"] = hashlib.sha256(data).hexdigest()
result["simple"] = run("echo out; echo err >&2; exit 3")
result["cat"] = run("cat", data)
transport.renegotiate_keys()
result["again"] = run("sha256sum", data)
result["signal"] = run("trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.05; done", signal="USR1")
transport.close()
print(json.dumps(result))
