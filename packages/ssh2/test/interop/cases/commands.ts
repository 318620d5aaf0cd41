import { once } from "node:events";
import type { OpenSshCase } from "../openssh.ts";

const section = "OpenSSH";

export const cases: readonly OpenSshCase[] = [
  {
    name: "logs in with a password and runs a command",
    section,
    async run({ Client }, record, { openssh, after }) {
      const { host, port, username, password } = openssh;
      const client = new Client();
      after(() => client.end());
      for (const event of ["connect", "ready", "end", "close", "error"] as const)
        client.on(event as "error", (...values: unknown[]) => record(event, ...values));
      client.connect({ host, port, username, password, hostVerifier: () => true });
      await once(client, "ready");
      client.exec("echo out; echo err >&2; exit 3", (error, channel) => {
        record("exec", error);
        let output = "";
        let errors = "";
        channel.on("data", (data: Buffer) => (output += String(data)));
        channel.stderr.on("data", (data: Buffer) => (errors += String(data)));
        channel.on("exit", (...values: unknown[]) => record("exit", ...values));
        channel.on("close", (...values: unknown[]) => {
          record("closed", output, errors, ...values);
          client.end();
        });
      });
      await once(client, "close");
    },
  },
  {
    name: "logs in with a key, after a wrong password",
    section,
    async run({ Client }, record, { openssh, after }) {
      const { host, port, username, privateKey } = openssh;
      const client = new Client();
      after(() => client.end());
      const offered: unknown[] = [
        "none",
        { type: "password", username, password: "wrong" },
        { type: "publickey", username, key: privateKey },
      ];
      client.connect({
        host,
        port,
        username,
        hostVerifier: () => true,
        authHandler(left, partial, next) {
          record("left", left, partial);
          next(offered.shift() as never);
        },
      });
      await once(client, "ready");
      record("ready");
      client.end();
      await once(client, "close");
      record("close");
    },
  },
  {
    name: "lists, writes and reads files of sftp",
    section,
    async run({ Client }, record, { openssh, after }) {
      const { host, port, username, password } = openssh;
      const client = new Client();
      after(() => client.end());
      client.connect({ host, port, username, password, hostVerifier: () => true });
      await once(client, "ready");
      const folder = `/tmp/nacre-parity-${Math.random().toString(36).slice(2)}`;
      await new Promise<void>((done) => {
        client.sftp((error, sftp) => {
          record("sftp", error);
          sftp.mkdir(folder, (made) => {
            record("mkdir", made);
            sftp.writeFile(`${folder}/a`, "text", (wrote) => {
              record("writeFile", wrote);
              sftp.readdir(folder, (listed, list) => {
                record("readdir", listed, list?.map(({ filename }) => filename).sort());
                sftp.readFile(`${folder}/a`, (read, data) => {
                  record("readFile", read, data);
                  sftp.stat(`${folder}/none`, (missing) => {
                    record("stat", missing);
                    sftp.unlink(`${folder}/a`, () => sftp.rmdir(folder, () => done()));
                  });
                });
              });
            });
          });
        });
      });
      client.end();
      await once(client, "close");
    },
  },
];
