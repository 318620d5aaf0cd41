import { createHash } from "node:crypto";
import { once } from "node:events";
import { basename } from "node:path";
import type { Client, ClientChannel } from "ssh2";
import type { Peers, Ssh2 } from "../../parity/case.ts";
import { exec, later, opened, readAll, watched } from "../../parity/sessions.ts";
import type { OpenSsh, OpenSshCase } from "../openssh.ts";

const section = "OpenSSH: channels";

async function logIn(
  ssh2: Ssh2,
  { openssh, after }: Pick<Peers, "after"> & { readonly openssh: OpenSsh },
): Promise<Client> {
  const { host, port, username, password } = openssh;
  const client = new ssh2.Client();
  client.on("error", () => {});
  after(() => client.destroy());
  client.connect({ host, port, username, password, hostVerifier: () => true });
  await once(client, "ready");
  return client;
}

/**
 * Keeps the output of a command open after its exit. Otherwise both end at once, and sshd reports either of them first.
 * It says "begun" in a session of its own, where a signal to the command does not reach it any more.
 */
const OUTLIVED = "setsid sh -c 'echo begun; exec sleep 1' &";

/** Calls a method with a callback. Resolves with what it got. */
function outcome(call: (callback: never) => unknown): Promise<{ error: unknown; values: unknown[] }> {
  return new Promise((resolve) => {
    const callback = (error: unknown, ...values: unknown[]): void => resolve({ error, values });
    call(callback as never);
  });
}

/** Ends what is forwarded with the bytes that came. */
function echo(accept: () => unknown): void {
  const channel = accept() as ClientChannel;
  channel.pipe(channel);
}

export const cases: readonly OpenSshCase[] = [
  {
    name: "tells the size of the terminal, also after a change",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      const command = "stty size; echo $TERM; read line; stty size";
      const pty = { rows: 11, cols: 22, term: "vt220" };
      const channel = await opened((callback) => client.exec(command, { pty }, callback));
      let output = "";
      let isChanged = false;
      channel.on("data", (data: Buffer) => {
        output += String(data);
        if (isChanged || !output.includes("vt220")) return;
        isChanged = true;
        channel.setWindow(33, 44, 0, 0);
        channel.write("\n");
      });
      record("close", ...((await once(channel, "close")) as unknown[]));
      record("sizes", output.match(/\d+ \d+/g));
    },
  },
  {
    name: "gets the exit of a command whose output ended before",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      const result = watched(record, (callback) =>
        client.exec("exec >&- 2>&-; sleep 0.3; exit 5", (error, channel) => {
          callback(error, channel);
          channel.end();
        }),
      );
      await result;
    },
  },
  {
    name: "ends a command by a signal",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      await watched(record, (callback) =>
        client.exec(`${OUTLIVED} exec sleep 60`, (error, channel) => {
          callback(error, channel);
          channel.once("data", () => channel.signal("SIGTERM"));
        }),
      );
    },
  },
  {
    name: "learns the signal that a command died of",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      await watched(record, (callback) => client.exec(`${OUTLIVED} kill -SEGV $$`, callback));
    },
  },
  {
    name: "sends and receives 3 MiB",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      const channel = await exec(client, "cat");
      const data = Buffer.alloc(3 * 2 ** 20, "0123456789");
      channel.end(data);
      const hash = createHash("sha256").update(Buffer.from(await readAll(channel), "latin1"));
      record("hash", hash.digest("hex") === createHash("sha256").update(data).digest("hex"));
    },
  },
  {
    name: "is refused X11 and more sessions than the server permits",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      record("x11", (await outcome((callback) => client.exec("true", { x11: true }, callback))).error);
      const channels: ClientChannel[] = [];
      for (let i = 0; i < 11; i++) {
        const { error, values } = await outcome((callback) => client.exec("cat", callback));
        if (error) record("refused", i >= 9, (error as { reason: unknown }).reason, (error as Error).message);
        else channels.push(values[0] as ClientChannel);
      }
      for (const channel of channels) channel.resume().end();
      await Promise.all(channels.map((channel) => once(channel, "close")));
      const channel = await exec(client);
      record("again", ...((await once(channel.resume(), "close")) as unknown[]));
    },
  },
  {
    name: "connects to the server's own port, and not to a closed one",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      const { error: refused } = await outcome((callback) =>
        client.forwardOut("127.0.0.1", 0, "127.0.0.1", 1, callback),
      );
      record("refused", refused);
      const listening = await outcome((callback) => client.forwardIn("127.0.0.1", 0, callback));
      const [port] = listening.values as [number];
      record("forwardIn", listening.error, port > 0);
      client.on("tcp connection", (info, accept) => {
        record("tcp connection", info.destIP, info.destPort === port, info.srcIP);
        echo(accept);
      });
      const channel = await opened((callback) => client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, callback));
      channel.end("around");
      record("echo", await readAll(channel));
      record("unforwardIn", (await outcome((callback) => client.unforwardIn("127.0.0.1", port, callback))).error);
      record("gone", (await outcome((callback) => client.forwardOut("", 0, "127.0.0.1", port, callback))).error);
    },
  },
  {
    name: "forwards a socket path there and back",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      const path = `/tmp/${basename(peers.folder)}`;
      client.on("unix connection", (info, accept) => {
        record("unix connection", info.socketPath === path);
        echo(accept);
      });
      record("in", (await outcome((callback) => client.openssh_forwardInStreamLocal(path, callback))).error);
      const channel = await opened((callback) => client.openssh_forwardOutStreamLocal(path, callback));
      channel.end("around");
      record("echo", await readAll(channel));
      record("un", (await outcome((callback) => client.openssh_unforwardInStreamLocal(path, callback))).error);
      const { error } = await outcome((callback) => client.openssh_forwardOutStreamLocal("/nonexistent", callback));
      record("refused", error);
      await later();
    },
  },
  {
    name: "cannot run commands after openssh_noMoreSessions",
    section,
    async run(ssh2, record, peers) {
      const client = await logIn(ssh2, peers);
      record("granted", (await outcome((callback) => client.openssh_noMoreSessions(callback))).error);
      for (const event of ["end", "close"] as const) client.on(event as "close", () => record(event));
      record("exec", (await outcome((callback) => client.exec("true", callback))).error);
    },
  },
];
