import type { ConnectOptions } from "@nacre/node";
import { nodeAlgorithms } from "@nacre/node";
import { expect, test } from "vitest";
import { connectionOptions } from "../src/ssh/connection-options.ts";
import { read } from "./reading.ts";

const optionsOf = async (line: string) => connectionOptions((await read([...line.split(" ").filter(Boolean), "host"])).config, false);

test.each<[string, Partial<ConnectOptions>]>([
  ["-p 2222 -l alice", { host: "host", port: 2222, user: "alice", connectTimeout: undefined, hostKey: undefined }],
  ["-o ConnectTimeout=5", { connectTimeout: 5000 }],
  ["-o StrictHostKeyChecking=accept-new", { hostKey: "accept-new" }],
  ["-o StrictHostKeyChecking=no", { hostKey: "accept-new" }],
  ["-b 192.0.2.7", { localAddress: "192.0.2.7" }],
  ["-4", { localAddress: "0.0.0.0" }],
  ["-6", { localAddress: "::" }],
  ["-4 -b 127.0.0.1", { localAddress: "127.0.0.1" }],
  ["-o IdentityAgent=none", { agent: false }],
  ["-o IdentityAgent=SSH_AUTH_SOCK", { agent: undefined }],
  ["-o IdentityAgent=/tmp/a.sock", { agent: "/tmp/a.sock" }],
  ["-o IdentityFile=none", { identities: [] }],
  ["-i /etc/hostname", { identities: ["/etc/hostname"] }],
  ["", { identities: undefined, methods: undefined }],
  ["-o PasswordAuthentication=no", { methods: ["publickey", "none", "keyboard-interactive"] }],
  ["-o NumberOfPasswordPrompts=0", { methods: ["publickey", "none", "keyboard-interactive"] }],
  ["-o PreferredAuthentications=password,publickey", { methods: ["none", "password", "publickey"] }],
  ["-o PubkeyAuthentication=no", { methods: ["none", "keyboard-interactive", "password"] }],
])("%s gives options of connect", async (line, expected) => {
  expect(await optionsOf(line)).toMatchObject(expected);
});

test("limits follow the configuration", async () => {
  const { limits } = await optionsOf("-oServerAliveInterval=15 -oServerAliveCountMax=4 -oRekeyLimit=1G");
  expect(limits).toEqual({
    keepaliveInterval: 15_000,
    keepaliveCount: 4,
    passwordAttempts: 3,
    rekeyBytes: 2 ** 30,
  });
});

test("algorithms that only OpenSSH has are left out, unless none is left", async () => {
  const { algorithms } = await optionsOf("-c aes256-ctr,3des-cbc");
  expect(algorithms).toEqual({
    ...nodeAlgorithms,
    ciphers: nodeAlgorithms.ciphers.filter(({ name }) => name === "aes256-ctr"),
  });
  await expect(optionsOf("-c 3des-cbc")).rejects.toThrow("no cipher is left; expected one of ");
});

test.each([
  ["-4 -b ::1", "is not of the family of -4"],
  ["-b eth0", 'invalid address "eth0" after -b; expected an IP address of this machine'],
])("%s is refused: %s", async (line, message) => {
  await expect(optionsOf(line)).rejects.toThrow(message);
});

test.each([
  ["-o UserKnownHostsFile=none -o GlobalKnownHostsFile=g", ["/dev/null", "g"]],
  ["-o UserKnownHostsFile=/u -o GlobalKnownHostsFile=none", ["/u"]],
  ["-o UserKnownHostsFile=/u -o GlobalKnownHostsFile=g", ["/u", "g"]],
])("looks with %s for host keys in %j, and adds none to a file of the system", async (line, files) => {
  expect((await optionsOf(line)).knownHosts).toEqual(files);
});

test("known hosts of the system · client", async () => {
  const { knownHosts } = await optionsOf("-o UserKnownHostsFile=none -o GlobalKnownHostsFile=g");
  expect(knownHosts?.[0]).toBe("/dev/null");
});
