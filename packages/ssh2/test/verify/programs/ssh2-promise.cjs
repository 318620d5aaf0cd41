const SSH2Promise = require("ssh2-promise");

const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;
const login = { host, port: Number(port), username, password, reconnect: false };

async function main() {
  // The second connection goes through the first one.
  const ssh = new SSH2Promise([{ ...login, hoppingTool: "native" }, login]);
  await ssh.connect();
  console.log(await ssh.exec("echo through a jump host"));
  const socket = await ssh.spawn("cat");
  socket.end("spawned");
  let output = "";
  for await (const chunk of socket) output += chunk;
  console.log(output);
  const sftp = ssh.sftp();
  await sftp.writeFile(`/tmp/nacre-${process.pid}`, "content");
  console.log(String(await sftp.readFile(`/tmp/nacre-${process.pid}`)), (await sftp.stat("/tmp")).isDirectory());
  await sftp.unlink(`/tmp/nacre-${process.pid}`);
  await ssh.close();
  const wrong = new SSH2Promise({ ...login, password: "wrong" });
  await wrong.connect().catch((error) => console.log(error.level, error.message));
}
void main();
