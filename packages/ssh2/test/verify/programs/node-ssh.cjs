const { mkdirSync, mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { NodeSSH } = require("node-ssh");

const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;

async function main() {
  const local = mkdtempSync(path.join(__dirname, "local-"));
  mkdirSync(path.join(local, "a"));
  writeFileSync(path.join(local, "a/file"), "text");
  const ssh = new NodeSSH();
  await ssh.connect({ host, port: Number(port), username, password, tryKeyboard: true });
  const remote = `/tmp/nacre-${process.pid}`;
  console.log(await ssh.execCommand("cat; pwd; echo err >&2; exit 3", { cwd: "/tmp", stdin: "in\n" }));
  console.log(
    await ssh.exec("echo", ["$HOME", "a b"]),
    (await ssh.execCommand("tty", { execOptions: { pty: true } })).code,
  );
  await ssh.mkdir(`${remote}/x/y`);
  console.log(await ssh.putDirectory(local, `${remote}/put`, { concurrency: 4 }));
  await ssh.getFile(path.join(local, "got"), `${remote}/put/a/file`);
  console.log(readFileSync(path.join(local, "got"), "utf8"));
  await ssh.withShell(async (shell) => {
    shell.end("echo from the shell; exit\n");
    let output = "";
    for await (const chunk of shell) output += chunk;
    console.log(output.includes("from the shell\r\n"));
  });
  const forward = await ssh.forwardIn("127.0.0.1", 0, (_details, accept) => accept().end("forwarded"));
  console.log(forward.port > 0);
  console.log(
    (await ssh.execCommand(`exec 3<>/dev/tcp/127.0.0.1/${forward.port}; cat <&3`, { execOptions: {} })).stdout,
  );
  await forward.dispose();
  await ssh.execCommand(`rm -r ${remote}`);
  ssh.dispose();
  console.log(ssh.isConnected());
}
void main();
