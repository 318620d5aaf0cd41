import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CERTIFIED_TYPES,
  type CertificateCase,
  certificateAlgorithm,
  hostCertificate,
  hostFile,
  makeCertifiedKeys,
  userFile,
} from "@nacre/testing/interop/certificates";
import { type KeyFile, type KeyType, publicHalf, readKey, useFolder } from "@nacre/testing/interop/keys";
import { expectQuiet, runInShell, runPeer } from "@nacre/testing/interop/our-server";
import { useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import { containerExec } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  authorizedKeys,
  createAgent,
  hostCertificateFile,
  type ListenEvent,
  listen,
  type SshServer,
} from "../../../src/index.ts";

// A server has one certificate of each type of host key, so there are as many servers as types of authorities: server n has those of the
// authority n places after the type of the key.

const SERVERS = CERTIFIED_TYPES.map((_, shift) =>
  CERTIFIED_TYPES.map((host, at) => ({ host, by: CERTIFIED_TYPES[(at + shift) % CERTIFIED_TYPES.length]! })),
);

function serverOf({ host, hostAuthority }: CertificateCase): number {
  return SERVERS.findIndex((all) => all.some((one) => one.host === host && one.by === hostAuthority));
}

const titleOf = ({ key, authority, from, host, hostAuthority }: CertificateCase): string =>
  `${key} by ${authority} from ${from}, the host's ${host} by ${hostAuthority}`;

/** Defines a test for each case in which Nacre's client logs in to OpenSSH's server. */
export function testClient(cases: readonly CertificateCase[]): void {
  describe("Nacre logs in to OpenSSH, both with certificates:", () => {
    const folder = useFolder();
    const remote = `/tmp/nacre-certificates-${randomUUID()}`;
    let authorities: ReadonlyMap<KeyType, KeyFile>;
    beforeAll(async () => {
      authorities = await makeCertifiedKeys(folder);
      const input = execFileSync("tar", ["c", "-C", folder.path, "."]);
      const unpack = `mkdir ${remote} && tar x --no-same-owner -C ${remote} && chmod 755 ${remote} && chmod 644 ${remote}/authorities`;
      expect((await containerExec(["sh", "-c", unpack], { input })).status).toBe(0);
    });
    const servers = SERVERS.map((all) =>
      useServer({
        config: [
          `TrustedUserCAKeys ${remote}/authorities`,
          ...all.map(({ host }) => `HostKey ${remote}/${hostFile(host)}`),
          ...all.map(({ host, by }) => `HostCertificate ${remote}/${hostCertificate(host, by)}-cert.pub`),
        ],
      }),
    );
    test.for(cases.map((one) => [titleOf(one), one] as const))("%s", async ([, one]) => {
      const { key, authority, from, host, hostAuthority } = one;
      const knownHosts = join(folder.path, `known-by-${hostAuthority}`);
      await writeFile(knownHosts, `@cert-authority 127.0.0.1 ${publicHalf(authorities.get(hostAuthority)!)}\n`);
      const path = join(folder.path, userFile(key, authority));
      await using agent = from === "an agent" ? await startAgent(folder) : undefined;
      await agent?.add({ path });
      const requests: string[] = [];
      await using client = await servers[serverOf(one)]!.connect({
        knownHosts,
        algorithms: { hostKeys: [certificateAlgorithm(host)] },
        ...(agent === undefined ? { identities: [path] } : { agent: agent.path, identities: [] }),
        trace: (record) => {
          if (record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST") requests.push(record.summary);
        },
      });
      expect((await client.exec("whoami")).stdout).toBe("alice\n");
      expect(client.info.hostKey.certificate?.keyId).toBe(hostCertificate(host, hostAuthority));
      expect(requests.at(-1)).toContain(
        ` ${certificateAlgorithm(key)} signed certificate "${userFile(key, authority)}"`,
      );
    });
  });
}

/** Defines a test for each case in which OpenSSH's client logs in to Nacre's server, with Nacre's agent, which ssh-add fills. */
export function testServer(cases: readonly CertificateCase[]): void {
  describe("OpenSSH logs in to Nacre, both with certificates:", () => {
    const folder = useFolder();
    const file = (name: string): string => join(folder.path, name);
    const servers: { readonly server: SshServer; readonly events: ListenEvent[] }[] = [];
    let authorities: ReadonlyMap<KeyType, KeyFile>;
    beforeAll(async () => {
      authorities = await makeCertifiedKeys(folder);
      const hostKeys = await Promise.all(
        CERTIFIED_TYPES.map((type) => readKey({ path: file(hostFile(type)), publicKeyLine: "" })),
      );
      for (const all of SERVERS) {
        const certificates = all.map(({ host, by }) =>
          hostCertificateFile(file(`${hostCertificate(host, by)}-cert.pub`), hostKeys),
        );
        const events: ListenEvent[] = [];
        const server = await listen({
          port: 0,
          hostKeys: [...hostKeys, ...(await Promise.all(certificates))],
          authenticate: authorizedKeys([], { trustedUserCAKeys: file("authorities") }),
          perSource: false,
          session: (session) => runInShell(session),
          log: (event) => events.push(event),
        });
        servers.push({ server, events });
      }
    });
    afterAll(() => Promise.all(servers.map(({ server }) => server.close())));

    /** Starts an agent with a key file and the certificate beside it, until the test ends. Returns the path of its socket. */
    const ourAgent = async (key: string): Promise<string> => {
      const agent = createAgent();
      onTestFinished(() => agent.close());
      const socket = file(`agent-${randomUUID()}`);
      await agent.listen(socket);
      const added = await runPeer(["ssh-add", "-q", key], { env: { SSH_AUTH_SOCK: socket } });
      expectQuiet(added);
      return socket;
    };

    test.for(cases.map((one) => [titleOf(one), one] as const))("%s", async ([, one]) => {
      const { key, authority, from, host, hostAuthority } = one;
      const known = file(`known-by-${hostAuthority}`);
      await writeFile(known, `@cert-authority 127.0.0.1 ${publicHalf(authorities.get(hostAuthority)!)}\n`);
      const path = file(userFile(key, authority));
      const agent = from === "an agent" ? await ourAgent(path) : undefined;
      const { server, events } = servers[serverOf(one)]!;
      const settings = [
        `UserKnownHostsFile=${known}`,
        "GlobalKnownHostsFile=none",
        `HostKeyAlgorithms=${certificateAlgorithm(host)}`,
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        ...(agent === undefined
          ? [`IdentityFile=${path}`, "IdentitiesOnly=yes"]
          : ["IdentityFile=none", `IdentityAgent=${agent}`]),
      ].flatMap((setting) => ["-o", setting]);
      const ran = await runPeer([
        "ssh",
        "-F",
        "none",
        ...settings,
        "-p",
        `${server.address.port}`,
        "alice@127.0.0.1",
        "echo out",
      ]);
      expectQuiet(ran);
      expect(ran.stdout.toString()).toBe("out\n");
      expect(events.findLast((event) => event.type === "login")).toMatchObject({
        factors: [
          {
            method: "certificate",
            algorithm: certificateAlgorithm(key),
            certificate: { keyId: userFile(key, authority) },
          },
        ],
      });
    });
  });
}
