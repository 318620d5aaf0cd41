import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { fingerprintOf, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { failure } from "@nacre/testing/interop/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, type ConnectOptions, connect } from "../../src/index.ts";

import { SLOW } from "../interop/disk/disk-server.ts";
import { listTree, makeFiles, makeNames, makeShapes, NAME_BYTES } from "../interop/disk/trees.ts";
import { startAsyncssh, startErlang, startParamiko } from "./programs.ts";
import type { PeerServer, PeerSettings } from "./settings.ts";

import { useDropbears } from "./support/dropbear.ts";

// Tests our SFTP client against dropbear with OpenSSH's sftp-server, and against the SFTP servers of paramiko, asyncssh and Erlang. They
// run on this machine, so that their files are compared with ours directly.

const GIB = 2 ** 30;

/** Options of `connect` for a server with these settings. */
type Start = (settings: PeerSettings) => Promise<Pick<ConnectOptions, "port" | "user" | "hostKey">>;

const dropbears = useDropbears();
const started: PeerServer[] = [];
afterAll(async () => {
  for (const server of started) await server[Symbol.asyncDispose]();
});

const startDropbear: Start = async ({ userKey }) => {
  await dropbears.authorize([userKey.publicKeyLine]);
  const { port, fingerprint } = dropbears.servers.get("ssh-ed25519")!;
  return { port, user: dropbears.user, hostKey: fingerprint };
};

/** Starts a server that is a program of its own. */
function program(start: (settings: PeerSettings) => Promise<PeerServer>): Start {
  return async (settings) => {
    const server = await start(settings);
    started.push(server);
    return { port: server.port, user: "alice", hostKey: fingerprintOf(settings.hostKey) };
  };
}

interface Peer {
  readonly name: string;
  readonly start: Start;
  /** Bytes that names may have. */
  readonly bytes: readonly number[];
  /** Number of small files in the tree. */
  readonly files: number;
  /** Whether it announces posix-rename@openssh.com. */
  readonly replaces: boolean;
  /** Whether it makes the targets of symbolic links absolute. */
  readonly resolvesLinks?: boolean;
  /** Whether it ignores a size in SETSTAT. */
  readonly ignoresSize?: boolean;
}

const PEERS: readonly Peer[] = [
  {
    name: "dropbear with OpenSSH's sftp-server",
    start: startDropbear,
    bytes: NAME_BYTES,
    files: 10_000,
    replaces: true,
  },
  // paramiko's server decodes names as UTF-8 and ends SFTP where it cannot.
  {
    name: "paramiko",
    start: program(startParamiko),
    bytes: NAME_BYTES.filter((byte) => byte < 0x80),
    files: 1000,
    replaces: false,
  },
  { name: "asyncssh", start: program(startAsyncssh), bytes: NAME_BYTES, files: 1000, replaces: true },
  // It answers every open after the second with the same handle.
  {
    name: "Erlang's ssh",
    start: program(startErlang),
    bytes: NAME_BYTES.filter((byte) => byte < 0x80),
    files: 200,
    replaces: false,
    resolvesLinks: true,
    ignoresSize: true,
  },
];

describe.each(PEERS)("SFTP on $name", { timeout: SLOW }, (peer) => {
  const { start, bytes: nameBytes, files, replaces, resolvesLinks = false, ignoresSize = false } = peer;
  const folder = useFolder();
  let ssh: Client;
  beforeAll(async () => {
    const hostKey = await makeKey(folder, "host", "ed25519");
    const userKey = await makeKey(folder, "user", "ed25519");
    const server = await start({ folder, hostKey, userKey, password: "", answers: [] });
    ssh = await connect({ host: "127.0.0.1", agent: false, identities: [await readKey(userKey)], ...server });
    mkdirSync(`${folder.path}/local`);
    mkdirSync(`${folder.path}/remote`);
  });
  afterAll(() => ssh?.close());

  it("uploads and downloads a tree", async () => {
    const [local, remote] = [`${folder.path}/local`, `${folder.path}/remote`];
    mkdirSync(`${local}/tree`);
    makeFiles(`${local}/tree/many`, files);
    makeNames(`${local}/tree/names`, nameBytes);
    makeShapes(`${local}/tree/shapes`);
    const expected = listTree(`${local}/tree`).filter((line) => !resolvesLinks || !line.includes(" -> "));
    const options = { recursive: true, preserve: true, symlinks: resolvesLinks ? "skip" : "keep" } as const;
    const links = resolvesLinks ? 0 : 3;
    expect(await ssh.upload(`${local}/tree`, `${remote}/tree`, options)).toMatchObject({ links, failed: [] });
    expect(listTree(`${remote}/tree`)).toEqual(expected);
    expect(await ssh.download(`${remote}/tree`, `${local}/back`, options)).toMatchObject({ links, failed: [] });
    expect(listTree(`${local}/back`)).toEqual(expected);
  });

  it("gets the old file to its end when the file is replaced in mid-transfer", async () => {
    const path = `${folder.path}/remote/replaced`;
    const bytes = randomData(8 * MIB + 1);
    writeFileSync(path, bytes);
    writeFileSync(`${path}.new`, "new");
    const sftp = await ssh.sftp();
    const chunks: Uint8Array[] = [];
    for await (const chunk of sftp.createReadStream(path) as AsyncIterable<Uint8Array>) {
      if (chunks.length === 0) renameSync(`${path}.new`, path);
      chunks.push(chunk);
    }
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(bytes));
    expect(await sftp.readFile(path, "utf8")).toBe("new");
    await sftp.close();
  });

  it("reads and writes beyond 4 GiB", async () => {
    const path = `${folder.path}/remote/sparse`;
    writeFileSync(path, "");
    truncateSync(path, 4 * GIB);
    const tail = randomData(MIB + 1);
    const sftp = await ssh.sftp();
    const file = await sftp.open(path, "r+");
    await file.write(tail, { position: 4 * GIB + 10 });
    const read = Buffer.alloc(tail.length + 10);
    expect((await file.read(read, 0, read.length, 4 * GIB)).bytesRead).toBe(read.length);
    expect(sha256(read.subarray(10))).toBe(sha256(tail));
    expect((await file.stat()).size).toBe(4 * GIB + 10 + tail.length);
    await file.close();
    expect(statSync(path).size).toBe(4 * GIB + 10 + tail.length);
    await sftp.close();
  });

  it("changes names, links and attributes", async () => {
    const dir = `${folder.path}/remote/calls`;
    const sftp = await ssh.sftp();
    await sftp.mkdir(`${dir}/a/b`, { recursive: true });
    await sftp.writeFile(`${dir}/f`, "one");
    const replacing = sftp.writeFile(`${dir}/f`, "two", { atomic: true });
    if (replaces) await replacing;
    else expect(await failure(replacing)).toMatchObject({ code: "sftp-unsupported" });
    expect(await sftp.readFile(`${dir}/f`, "utf8")).toBe(replaces ? "two" : "one");
    await sftp.writeFile(`${dir}/f`, "two");
    await sftp.chmod(`${dir}/f`, 0o640);
    await sftp.utimes(`${dir}/f`, 1_000_000, 2_000_000);
    await sftp.truncate(`${dir}/f`, 2);
    const target = resolvesLinks ? `${dir}/f` : "f";
    await sftp.symlink(target, `${dir}/l`);
    await sftp.rename(`${dir}/f`, `${dir}/a/g`);
    expect(await sftp.readlink(`${dir}/l`)).toBe(target);
    expect(readlinkSync(`${dir}/l`)).toBe(target);
    expect((await sftp.readdir(dir)).sort()).toEqual(["a", "l"]);
    expect(readFileSync(`${dir}/a/g`, "utf8")).toBe(ignoresSize ? "two" : "tw");
    expect(await sftp.stat(`${dir}/a/g`)).toMatchObject({ size: ignoresSize ? 3 : 2, mode: 0o100_640 });
    expect(await failure(sftp.stat(`${dir}/f`))).toMatchObject({ code: "sftp-no-such-file" });
    expect(await failure(sftp.rmdir(`${dir}/a`))).toMatchObject({ code: "sftp-failure" });
    writeFileSync(`${folder.path}/local/new`, "new");
    await ssh.upload(`${folder.path}/local/new`, `${dir}/a/g`);
    expect(readFileSync(`${dir}/a/g`, "utf8")).toBe("new");
    expect(readdirSync(`${dir}/a`)).toEqual(["b", "g"]);
    await sftp.rm(dir, { recursive: true });
    expect(readdirSync(`${folder.path}/remote`)).not.toContain("calls");
    await sftp.close();
  });
});
