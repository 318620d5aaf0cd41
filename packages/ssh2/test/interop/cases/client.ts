import { once } from "node:events";
import ssh2 from "ssh2";
import type { OpenSshCase } from "../openssh.ts";

const section = "OpenSSH: client";
const OTHER_KEY = ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 }).private;

const EVENTS = ["connect", "greeting", "banner", "ready", "timeout", "error", "end", "close"] as const;

type Options = Parameters<InstanceType<typeof ssh2.Client>["connect"]>[0];

/** A case that logs in at OpenSSH and ends the connection. */
function login(
  name: string,
  options: (openssh: Parameters<OpenSshCase["run"]>[2]["openssh"], record: (...values: unknown[]) => void) => Options,
): OpenSshCase {
  return {
    name,
    section,
    async run({ Client }, record, { openssh, after }) {
      const { host, port, username } = openssh;
      const client = new Client();
      after(() => client.destroy());
      for (const event of EVENTS) client.on(event as "error", (...values: unknown[]) => record(event, ...values));
      client.on("keyboard-interactive", (prompts, instructions, language, list, finish) => {
        record("prompts", prompts, instructions, language, list);
        finish([openssh.password]);
      });
      client.on("ready", () => client.end());
      const closed = new Promise<void>((resolve) => client.on("close", () => resolve()));
      client.connect({
        host,
        port,
        username,
        hostVerifier: () => true,
        ...options(openssh, (...values) => record("said", ...values)),
      });
      await closed;
    },
  };
}

export const cases: readonly OpenSshCase[] = [
  login("a key, without a password", ({ privateKey }) => ({ privateKey })),
  login("all attempts are refused", () => ({ password: "wrong", privateKey: OTHER_KEY })),
  login("an unknown user", ({ privateKey }) => ({ username: "nobody-here", privateKey })),
  login("keyboard-interactive", () => ({ tryKeyboard: true })),
  login("an authHandler that learns the methods", ({ password }, record) => {
    const answers: unknown[] = ["none", { type: "password", username: "alice", password: "wrong" }, "password"];
    return {
      password,
      authHandler: (left: unknown, partial: unknown) => {
        record(left, partial);
        return answers.shift();
      },
    };
  }),
  login("an RSA host key", ({ privateKey }) => ({ privateKey, algorithms: { serverHostKey: ["rsa-sha2-512"] } })),
  login("ciphers and a MAC by name", ({ privateKey }) => ({
    privateKey,
    algorithms: { cipher: ["aes256-ctr"], hmac: ["hmac-sha2-512-etm@openssh.com"], kex: ["ecdh-sha2-nistp256"] },
  })),
  login("keepalives", ({ privateKey }) => ({ privateKey, keepaliveInterval: 10 })),
  {
    name: "host keys that the server announces and proves",
    section,
    async run({ Client }, record, { openssh, after }) {
      const { host, port, username, privateKey } = openssh;
      const client = new Client();
      after(() => client.destroy());
      const announced = once(client, "hostkeys") as unknown as Promise<[{ type: string; getPublicSSH(): Buffer }[]]>;
      client.connect({ host, port, username, privateKey, hostVerifier: () => true });
      const [keys] = await announced;
      record(
        "keys",
        keys.map((key) => [key.type, key.getPublicSSH()]),
      );
      client.end();
      await once(client, "close");
    },
  },
];
