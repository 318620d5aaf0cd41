import { authorizeKey, password, startSshd } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll } from "vitest";
import type { Case, Peers } from "../parity/case.ts";
import { ed25519Pair } from "../parity/made-keys.ts";

/** An sshd of OpenSSH in the tests' container, for both runs of a case. */
export interface OpenSsh {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Private key in OpenSSH's format with which the user can log in. */
  readonly privateKey: string;
  /** Public host keys, one line `type base64 comment` each. */
  readonly hostPublicKeys: readonly string[];
}

/** A case whose peer is OpenSSH. */
export type OpenSshCase = Case<Peers & { readonly openssh: OpenSsh }>;

/** Starts an sshd for the tests of a file. */
export function useOpenSsh(): () => OpenSsh {
  let running: (OpenSsh & { stop(): Promise<void> }) | undefined;
  beforeAll(async () => {
    const key = ed25519Pair();
    await authorizeKey("alice", key.public);
    const sshd = await startSshd({ hostKeys: ["ed25519", "rsa-3072"] });
    const { host, port, hostPublicKeys } = sshd;
    const login = { username: "alice", password: password(), privateKey: key.private };
    running = { host, port, hostPublicKeys, ...login, stop: () => sshd.stop() };
  });
  afterAll(() => running?.stop());
  return () => {
    if (running === undefined) throw new Error("the sshd has not started");
    return running;
  };
}
