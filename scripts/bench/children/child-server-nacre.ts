/** A process with Nacre's server: `child-server-nacre node|noble [parts]`. With `parts`, measures the time of each part of a login. */
import nodeCrypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import {
  certificateAuthority,
  hostKeyFile,
  type ListenOptions,
  listen,
  nodeAlgorithms,
  nodeServerAlgorithms,
  type SshServer,
} from "@nacre/node";
import { sftpServer } from "@nacre/node/sftp-server";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import { runCommand, serverWork } from "../server/server-worker.ts";

type HostKey = Awaited<ReturnType<typeof hostKeyFile>>;

const [crypto = "node", counting] = process.argv.slice(2);
if (crypto !== "node" && crypto !== "noble") throw new Error(`unknown crypto ${crypto}; expected node or noble`);

let server: SshServer | undefined;
let logins = 0;
const parts: Record<string, number> = {};

serverWork({
  async listen({ hostKeyFile: file, userKey, authority }) {
    const blob = Buffer.from(userKey.split(" ")[1] ?? "", "base64");
    const hostKey = await hostKeyFile(file);
    if (counting !== undefined) countSigning(hostKey);
    const byCertificate = authority === undefined ? () => false : certificateAuthority([authority]);
    server = await listen({
      port: 0,
      crypto,
      hostKeys: [hostKey],
      ...algorithms(),
      authenticate: (login) => (login.method === "publickey" && blob.equals(login.publicKey)) || byCertificate(login),
      // Allows many unauthenticated connections: the clients connect as fast as possible.
      maxUnauthenticated: { start: 10_000, rate: 1, full: 10_000 },
      // Without this, the limits per source would apply: all clients have one address.
      perSource: false,
      subsystems: { sftp: sftpServer({ root: "/" }) },
      session: async ({ command = "", stdin, stdout }) => {
        await runCommand(command, stdin, stdout);
        return 0;
      },
      log: (event) => {
        if (event.type === "login") logins++;
      },
    });
    return { port: server.address.port };
  },
  connections: () => server?.connections.length ?? 0,
  logins: () => logins,
  parts: () => parts,
});

/** Returns the server's default lists, extended by the client's default key exchange methods and the MAC of a suite of `bulk`. */
function algorithms(): Pick<ListenOptions, "algorithms" | "userKeys"> {
  const lists = crypto === "node" ? nodeServerAlgorithms : defaultServerAlgorithms;
  const { kex } = crypto === "node" ? nodeAlgorithms : defaultAlgorithms;
  const all = {
    ...lists,
    kex,
    macs: [...lists.macs, ...nodeAlgorithms.macs.filter(({ name }) => name === "hmac-sha2-256")],
  };
  if (counting === undefined) return { algorithms: all };
  return {
    algorithms: {
      ...all,
      kex: all.kex.map((method) => ({
        ...method,
        hash: timed("hashes", method.hash),
        server: (random) => {
          const own = method.server(random);
          return { receive: timed("key exchange", (bytes: Uint8Array) => own.receive(bytes)) };
        },
      })),
      ciphers: all.ciphers.map((cipher) => ({
        ...cipher,
        createSealer: timed("cipher keys", cipher.createSealer.bind(cipher)),
        createOpener: timed("cipher keys", cipher.createOpener.bind(cipher)),
      })),
    },
    userKeys: all.hostKeys.map((algorithm) => ({
      ...algorithm,
      verify: timed("user's signature", algorithm.verify.bind(algorithm)),
    })),
  };
}

/** Measures signing by replacing the function that signs. A custom signer would be called on a different path. */
function countSigning(hostKey: HostKey): void {
  const part = "host key's signature";
  if (crypto === "noble") Object.assign(hostKey, { sign: timed(part, hostKey.sign.bind(hostKey)) });
  else Object.assign(nodeCrypto, { sign: timed(part, nodeCrypto.sign as (...args: unknown[]) => unknown) });
  syncBuiltinESMExports();
}

/** Wraps a function, and adds the time of each call to a part. */
function timed<A extends unknown[], R>(part: string, run: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    const began = performance.now();
    try {
      return run(...args);
    } finally {
      parts[part] = (parts[part] ?? 0) + (performance.now() - began) / 1000;
    }
  };
}
