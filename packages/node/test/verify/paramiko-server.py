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


def answers(call):
    """Makes a method of `Files` return a status for an exception of the system."""

    def answer(*words):
        try:
            result = call(*words)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK if result is None else result

    return answer


class Files(paramiko.SFTPServerInterface):
    """This machine's files, for SFTP. paramiko itself has no such class outside of its examples."""

    @answers
    def list_folder(self, path):
        return [self.attributes(os.lstat(os.path.join(path, name)), name) for name in os.listdir(path)]

    @answers
    def stat(self, path):
        return self.attributes(os.stat(path))

    @answers
    def lstat(self, path):
        return self.attributes(os.lstat(path))

    @answers
    def open(self, path, flags, attr):
        descriptor = os.open(path, flags, 0o666 if attr.st_mode is None else attr.st_mode)
        kind = {os.O_RDONLY: "rb", os.O_WRONLY: "wb", os.O_RDWR: "r+b"}[flags & os.O_ACCMODE]
        handle = File(flags)
        handle.readfile = handle.writefile = os.fdopen(descriptor, kind, buffering=0)
        return handle

    @answers
    def remove(self, path):
        os.remove(path)

    @answers
    def rename(self, old, new):
        os.link(old, new)
        os.remove(old)

    @answers
    def posix_rename(self, old, new):
        os.rename(old, new)

    @answers
    def mkdir(self, path, attr):
        os.mkdir(path, 0o777 if attr.st_mode is None else attr.st_mode)

    @answers
    def rmdir(self, path):
        os.rmdir(path)

    @answers
    def chattr(self, path, attr):
        change(path, attr)

    @answers
    def symlink(self, target, path):
        os.symlink(target, path)

    @answers
    def readlink(self, path):
        return os.readlink(path)

    @staticmethod
    def attributes(stats, name=None):
        return paramiko.SFTPAttributes.from_stat(stats, name)


class File(paramiko.SFTPHandle):
    @answers
    def stat(self):
        return Files.attributes(os.fstat(self.readfile.fileno()))

    @answers
    def chattr(self, attr):
        change(f"/proc/self/fd/{self.readfile.fileno()}", attr)


def change(path, attr):
    # paramiko's own function empties the file before it sets the size.
    if attr._flags & attr.FLAG_SIZE:
        os.truncate(path, attr.st_size)
        attr._flags &= ~attr.FLAG_SIZE
    paramiko.SFTPServer.set_file_attr(path, attr)


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
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
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
