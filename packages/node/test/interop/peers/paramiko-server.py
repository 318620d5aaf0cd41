"""A server on paramiko. Its one argument is a JSON object; it prints its port, and ends when its input does."""

import json
import os
import socket
import subprocess
import sys
import threading

import paramiko

settings = json.loads(sys.argv[1])


class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey,password,keyboard-interactive"

    def check_auth_publickey(self, username, key):
        return self.decide(f"{key.get_name()} {key.get_base64()}" == settings["userKey"])

    def check_auth_password(self, username, password):
        return self.decide(password == settings["password"])

    def check_auth_interactive(self, username, submethods):
        return paramiko.InteractiveQuery("", "", ("First: ", False), ("Second: ", True))

    def check_auth_interactive_response(self, responses):
        return self.decide(list(responses) == settings["answers"])

    def decide(self, ok):
        return paramiko.AUTH_SUCCESSFUL if ok else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=run, args=(channel, command), daemon=True).start()
        return True


def run(channel, command):
    pipe = subprocess.PIPE
    process = subprocess.Popen(["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe)

    def feed():
        while data := channel.recv(65536):
            process.stdin.write(data)
        process.stdin.close()

    def errors():
        while data := os.read(process.stderr.fileno(), 65536):
            channel.sendall_stderr(data)

    threads = [threading.Thread(target=feed, daemon=True), threading.Thread(target=errors)]
    for thread in threads:
        thread.start()
    while data := os.read(process.stdout.fileno(), 65536):
        channel.sendall(data)
    threads[1].join()
    channel.send_exit_status(process.wait())
    channel.close()


def serve(connection):
    transport = paramiko.Transport(connection)
    transport.add_server_key(paramiko.PKey.from_path(settings["hostKey"]))
    transport.start_server(event=threading.Event(), server=Server())
    channels = []
    while transport.is_active():
        # What nobody holds is closed.
        channels.append(transport.accept(1))


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        serving = threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True)
        serving.start()


threading.Thread(target=listen, daemon=True).start()
sys.stdin.read()
os._exit(0)
