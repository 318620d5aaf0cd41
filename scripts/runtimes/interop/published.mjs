// Application that imports the packages as published. The runtime loads it without vitest. Prints one line per connection.
import { connect, nodeAlgorithms } from "@nacre/node";
import * as nacre from "nacre";

const [port, key, hostKey] = process.argv.slice(2);
const input = new Uint8Array(2 ** 20);

/** Connects with only this key exchange method and cipher, sends 1 MiB, and prints the negotiated names and the digest. */
async function tell({ kex, cipher }) {
  const algorithms = {
    ...nodeAlgorithms,
    kex: nodeAlgorithms.kex.filter(({ name }) => name === kex),
    ciphers: nodeAlgorithms.ciphers.filter(({ name }) => name === cipher),
  };
  const options = { host: "127.0.0.1", port: Number(port), user: "alice", identities: [key], agent: false, hostKey };
  const ssh = await connect({ ...options, algorithms });
  try {
    const { stdout } = await ssh.exec("sha256sum", { input });
    const { negotiated } = ssh.info;
    console.log(`${negotiated.kex.name} ${negotiated.clientToServer.cipher.name} ${stdout.split(" ")[0]}`);
  } finally {
    await ssh.close();
  }
}

// Covers portable code: ML-KEM and P-521 where node:crypto lacks them, and chacha20-poly1305 in WebAssembly.
await tell({ kex: "mlkem768x25519-sha256", cipher: "aes128-gcm@openssh.com" });
await tell({ kex: "ecdh-sha2-nistp521", cipher: "chacha20-poly1305@openssh.com" });
console.log(typeof nacre.connect, typeof nacre.serve);
