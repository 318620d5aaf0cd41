// A CommonJS application. scripts/check-consumers.ts runs it with the packed packages.
const { connect, fingerprint, hostKeyFile, listen } = require("@nacre/node");
const { SshError } = require("nacre");

async function main() {
  const hostKey = await hostKeyFile("host_key");
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    hostKeys: [hostKey],
    methods: ["password"],
    authenticate: (login) => login.method === "password" && login.password === "secret",
    session: (session) => {
      session.stdout.write(`ran ${session.command}`);
      return 0;
    },
  });
  const pinned = fingerprint(hostKey.publicKey.blob);
  const options = { host: "127.0.0.1", port: server.address.port, user: "alice", agent: false, identities: [] };
  try {
    const ssh = await connect({ ...options, password: "secret", hostKey: pinned });
    console.log((await ssh.exec("uptime")).stdout);
    await ssh.close();
    await connect({ ...options, password: "wrong", hostKey: pinned });
  } catch (error) {
    console.log(error instanceof SshError, error.code);
  } finally {
    await server.close();
  }
}

void main();
