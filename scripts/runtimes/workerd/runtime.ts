import type { InstallableRuntime } from "../list.ts";

/** Cloudflare's runtime of workers. vitest cannot run in it, so its tests run in Node and start workers. */
export const WORKERD: InstallableRuntime & { readonly name: "workerd"; readonly ownSockets: string } = {
  name: "workerd",
  title: "workerd",
  program: "bin/workerd",
  // The version of the npm package 1.20261117.1 contains the date that the program prints, 2026-11-17.
  printedVersion: (version) => /^\d+\.(\d{4})(\d\d)(\d\d)\./.exec(version)?.slice(1).join("-") ?? version,
  ownSockets: "`cloudflare:sockets`",
};
