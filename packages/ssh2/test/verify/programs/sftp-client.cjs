const { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const Client = require("ssh2-sftp-client");

const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;

async function main() {
  const local = mkdtempSync(path.join(__dirname, "local-"));
  mkdirSync(path.join(local, "a/b"), { recursive: true });
  writeFileSync(path.join(local, "one"), "1");
  writeFileSync(path.join(local, "a/b/large"), Buffer.alloc(3_000_000, 7));
  const client = new Client();
  await client.connect({ host, port: Number(port), username, password });
  const remote = `${await client.cwd()}/nacre-${process.pid}`;
  await client.mkdir(`${remote}/deep/er`, true);
  await client.uploadDir(local, `${remote}/up`);
  console.log(
    (await client.list(`${remote}/up`)).map(({ type, name, size }) => [type, name, type === "-" ? size : 0]).sort(),
  );
  console.log(await client.exists(`${remote}/up/a/b/large`), await client.exists(`${remote}/none`));
  const { isFile, size, mode } = await client.stat(`${remote}/up/a/b/large`);
  console.log(isFile, size, typeof mode);
  await client.put(Buffer.from("put"), `${remote}/put`);
  await client.append(Buffer.from(" more"), `${remote}/put`);
  console.log(String(await client.get(`${remote}/put`)));
  await client.chmod(`${remote}/put`, 0o600);
  await client.posixRename(`${remote}/put`, `${remote}/moved`);
  await client.downloadDir(`${remote}/up`, `${local}-down`);
  // It resolves at the end of the remote stream, when the local one may still be writing.
  while (statSync(`${local}-down/a/b/large`).size < 3_000_000) await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(readFileSync(`${local}-down/a/b/large`).equals(readFileSync(path.join(local, "a/b/large"))));
  await client.fastGet(`${remote}/up/a/b/large`, path.join(local, "fast"));
  await client.fastPut(path.join(local, "fast"), `${remote}/fast`);
  console.log((await client.stat(`${remote}/fast`)).size);
  await client.stat(`${remote}/none`).catch((error) => console.log(error.code, error.message.replaceAll(remote, "")));
  await client.get("/root/none").catch((error) => console.log(error.code, error.message));
  await client.rmdir(remote, true);
  console.log(await client.exists(remote), await client.end());
  const login = { host, port: Number(port), username, password: "wrong" };
  // Without handlers, the client prints later events.
  const handlers = { error: () => {}, end: () => {}, close: () => {} };
  const refused = new Client("refused", handlers);
  await refused.connect(login).catch((error) => console.log(error.code, error.message));
  const unreachable = new Client("unreachable", handlers);
  await unreachable.connect({ ...login, port: 1 }).catch((error) => console.log(error.code));
}
void main();
