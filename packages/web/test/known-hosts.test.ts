import {
  certifiedPrivateKey,
  fingerprint,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  parseCertificate,
} from "@nacre/keys";
import { hostKey, userKey } from "@nacre/testing/nacre/host";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { seededRandom } from "@nacre/testing/random";
import { base64Encode } from "@nacre/wire";
import { IDBFactory } from "fake-indexeddb";
import type { Client } from "nacre";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import {
  type ConnectOptions,
  connect,
  forgetHost,
  hostCertificates,
  indexedDbKnownHosts,
  type KnownHostsStore,
  type UnknownHostKey,
} from "../src/index.ts";
import { TestGateway } from "./support/gateway.ts";

const { blob } = hostKey.publicKey;
const PRINT = fingerprint(blob, "sha256");
const other = generateEd25519(seededRandom(99)).publicKey.blob;

/** Returns a known-hosts store in a new database. */
function stored(): KnownHostsStore {
  return indexedDbKnownHosts({ indexedDB: new IDBFactory() });
}

/** Returns a known-hosts store with the given text. */
async function withText(text: string): Promise<KnownHostsStore> {
  const store = stored();
  await store.update(() => text);
  return store;
}

const line = (names: string, key: Uint8Array, format = "ssh-ed25519"): string =>
  `${names} ${format} ${base64Encode(key)}\n`;

/** Logs in and closes the connection. */
async function visit(knownHosts: KnownHostsStore, options: Partial<ConnectOptions> = {}): Promise<Client["info"]> {
  await using gateway = await TestGateway.start();
  const base = { url: gateway.url, host: "example.org", user: "alice", identities: [userKey], WebSocket, knownHosts };
  const ssh = await connect({ ...base, ...options });
  await ssh.close();
  return ssh.info;
}

describe("the host key of a host", () => {
  it("that is not known is refused, with fingerprint and remedy", async () => {
    const error = await failure(visit(stored()));
    expect(error).toEqual(code("host-key-unknown"));
    expect(String(error)).toContain(`ssh-ed25519 ${PRINT}`);
    expect(String(error)).toContain("unknownHost");
  });

  it("that is not known is asked about with fingerprint and randomart, and remembered", async () => {
    const store = stored();
    const asked: UnknownHostKey[] = [];
    const unknownHost = (key: UnknownHostKey): boolean => asked.push(key) > 0;
    await visit(store, { unknownHost, port: 2222 });
    await visit(store, { unknownHost, port: 2222 });
    expect(asked).toEqual([
      {
        host: "example.org",
        port: 2222,
        algorithm: "ssh-ed25519",
        blob,
        fingerprint: PRINT,
        randomart: expect.stringMatching(/^\+--\[ED25519 256\]--\+\n(\|.{17}\|\n){9}\+----\[SHA256\]-----\+$/),
      },
    ]);
    expect(await store.read()).toBe(line("[example.org]:2222", blob));
  });

  it("is added without asking by accept-new", async () => {
    const store = stored();
    await visit(store, { hostKey: "accept-new" });
    expect(await store.read()).toBe(line("example.org", blob));
    await visit(store);
  });

  it.each<[string, () => unknown]>([
    ["false", () => false],
    ["a truthy value that is not true", () => "yes"],
    ["a rejection", () => Promise.reject(new Error("the dialog was closed"))],
  ])("is refused by the answer %s, and not remembered", async (_, unknownHost) => {
    const store = stored();
    const options = { unknownHost: unknownHost as () => boolean };
    expect(await failure(visit(store, options))).toEqual(code("host-key-refused"));
    expect(await store.read()).toBe("");
  });

  it("that changed is refused without asking, with both fingerprints and the remedy", async () => {
    const store = await withText(line("example.org", other));
    const unknownHost = vi.fn(() => true);
    const error = await failure(visit(store, { unknownHost }));
    expect(error).toMatchObject({ code: "host-key-changed", culprit: "peer" });
    for (const words of [PRINT, fingerprint(other, "sha256"), 'forgetHost("example.org", 22)'])
      expect(String(error)).toContain(words);
    expect(unknownHost).not.toHaveBeenCalled();
    expect(await forgetHost("example.org", 22, store)).toBe(1);
    expect(await failure(visit(store))).toEqual(code("host-key-unknown"));
  });

  it("that is revoked is refused, although it is known", async () => {
    const store = await withText(`${line("example.org", blob)}@revoked ${line("*", blob)}`);
    expect(await failure(visit(store))).toEqual(code("host-key-revoked"));
  });

  it("counts by its certificate if `hostCertificates` is passed", async () => {
    const authority = generateEd25519(seededRandom(6));
    const certificate = issueCertificate(authority, {
      publicKey: hostKey.publicKey,
      type: "host",
      keyId: "h",
      principals: ["example.org"],
      validBefore: "forever",
      random: seededRandom(7),
    });
    const certified = certifiedPrivateKey(hostKey, parseCertificate(certificate));
    await using gateway = await TestGateway.start({ serve: { hostKeys: [hostKey, certified] } });
    const text = `@cert-authority ${line("example.org", authority.publicKey.blob)}`;
    const warnings: string[] = [];
    const options = {
      url: gateway.url,
      host: "example.org",
      user: "alice",
      identities: [userKey],
      WebSocket,
      knownHosts: await withText(text),
      warn: (warning: string) => warnings.push(warning),
    };
    const ssh = await connect({ ...options, hostCertificates });
    expect(ssh.info.hostKey.algorithm).toBe("ssh-ed25519-cert-v01@openssh.com");
    await ssh.close();
    expect(await options.knownHosts.read()).toBe(text);
    expect(warnings).toEqual([]);
    expect(await failure(connect(options))).toEqual(code("host-key-unknown"));
    expect(warnings).toEqual([expect.stringContaining("pass `hostCertificates`")]);
  });

  it("is requested with the algorithm of the known key", async () => {
    const ecdsa = generateEcdsa("nistp256", seededRandom(5));
    await using gateway = await TestGateway.start({ serve: { hostKeys: [hostKey, ecdsa] } });
    const knownHosts = await withText(line("example.org", ecdsa.publicKey.blob, "ecdsa-sha2-nistp256"));
    const options = {
      url: gateway.url,
      host: "example.org",
      user: "alice",
      identities: [userKey],
      WebSocket,
      knownHosts,
    };
    const ssh = await connect(options);
    expect(ssh.info.hostKey.algorithm).toBe("ecdsa-sha2-nistp256");
    await ssh.close();
  });

  it("is not looked up if it is pinned", async () => {
    const knownHosts = { read: () => Promise.reject(new Error("not to be read")), update: () => Promise.resolve() };
    await visit(knownHosts, { hostKey: [PRINT] });
    expect(await failure(visit(knownHosts, { hostKey: fingerprint(other, "sha256") }))).toEqual(
      code("host-key-refused"),
    );
  });

  it("is refused if another tab accepted another key meanwhile", async () => {
    const store = stored();
    const unknownHost = async (): Promise<boolean> => {
      await store.update((text) => text + line("example.org", other));
      return true;
    };
    expect(await failure(visit(store, { unknownHost }))).toEqual(code("host-key-changed"));
    expect(await store.read()).toBe(line("example.org", other));
  });

  it("is accepted with a warning if it cannot be stored", async () => {
    const warnings: string[] = [];
    const knownHosts = { read: () => Promise.resolve(""), update: () => Promise.reject(new Error("quota exceeded")) };
    await visit(knownHosts, { hostKey: "accept-new", warn: (text) => warnings.push(text) });
    expect(warnings).toEqual([expect.stringContaining("cannot be saved: quota exceeded")]);
  });

  it("is found despite malformed lines, which are reported as warnings", async () => {
    const warnings: string[] = [];
    const store = await withText(`nonsense\n${line("example.org", blob)}`);
    await visit(store, { warn: (text) => warnings.push(text) });
    expect(warnings).toEqual([expect.stringMatching(/^known_hosts:1 is ignored: /)]);
  });
});

describe("known hosts in IndexedDB", () => {
  it("are empty at first, and keep updates", async () => {
    const indexedDB = new IDBFactory();
    expect(await indexedDbKnownHosts({ indexedDB }).read()).toBe("");
    await indexedDbKnownHosts({ indexedDB }).update((text) => `${text}a`);
    await indexedDbKnownHosts({ indexedDB }).update((text) => `${text}b`);
    expect(await indexedDbKnownHosts({ indexedDB }).read()).toBe("ab");
    expect(await indexedDbKnownHosts({ indexedDB, database: "another" }).read()).toBe("");
  });

  it("lose no concurrent update", async () => {
    const store = stored();
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.update((text) => `${text}${i},`)));
    expect(
      (await store.read())
        .split(",")
        .filter(Boolean)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([...Array(20).keys()]);
  });

  it("stay unchanged if the change throws", async () => {
    const store = await withText("kept");
    const fault = failure(
      store.update(() => {
        throw new Error("no");
      }),
    );
    expect(await fault).toEqual(code("file-unreadable"));
    expect(await store.read()).toBe("kept");
  });

  it("reject with a remedy on a platform without IndexedDB", async () => {
    vi.stubGlobal("indexedDB", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    const error = await failure(indexedDbKnownHosts().read());
    expect(error).toEqual(code("not-supported-here"));
    expect(String(error)).toContain("knownHosts");
  });

  it("report a database that fails", async () => {
    const indexedDB = new IDBFactory();
    indexedDB.open = () => {
      throw new DOMException("the user forbids it", "SecurityError");
    };
    const error = await failure(indexedDbKnownHosts({ indexedDB }).read());
    expect(error).toEqual(code("file-unreadable"));
    expect(String(error)).toContain("the user forbids it");
  });

  it("reject after ten seconds without an answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const indexedDB = new IDBFactory();
      indexedDB.open = () => ({}) as IDBOpenDBRequest;
      const reading = failure(indexedDbKnownHosts({ indexedDB }).read());
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await reading).toEqual(code("file-unreadable"));
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("do not keep the database open", async () => {
    const indexedDB = new IDBFactory();
    await indexedDbKnownHosts({ indexedDB }).update(() => "text");
    const deleting = indexedDB.deleteDatabase("nacre");
    await new Promise((resolve, reject) => {
      deleting.onsuccess = resolve;
      deleting.onblocked = reject;
    });
    expect(await indexedDbKnownHosts({ indexedDB }).read()).toBe("");
  });
});

describe("forgetHost", () => {
  it("removes the lines of the host and port only", async () => {
    const store = await withText(`${line("example.org", blob)}${line("[example.org]:2222", blob)}`);
    expect(await forgetHost("EXAMPLE.org", undefined, store)).toBe(1);
    expect(await store.read()).toBe(line("[example.org]:2222", blob));
    expect(await forgetHost("example.org", undefined, store)).toBe(0);
  });

  it("rejects with usage for an invalid host, and changes nothing", async () => {
    const store = await withText("kept");
    expect(await failure(forgetHost("*", 22, store))).toEqual(code("usage"));
    expect(await store.read()).toBe("kept");
  });
});
