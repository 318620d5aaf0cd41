import { SshError } from "@nacre/wire";
import type { GatewayOptions } from "./options.ts";

/** All options of `createGateway`. The type makes a missing name a compile error. */
const NAMES: Readonly<Record<keyof GatewayOptions, "needed" | "optional">> = {
  origins: "needed",
  allow: "needed",
  authorize: "optional",
  hosts: "optional",
  sessionOf: "optional",
  tickets: "optional",
  path: "optional",
  ticketPath: "optional",
  metricsPath: "optional",
  plain: "optional",
  address: "optional",
  allowMissingOrigin: "optional",
  allowInsecure: "optional",
  trustedProxies: "optional",
  lookup: "optional",
  limits: "optional",
  log: "optional",
};

/** Throws `usage` for an unknown option, or if `origins` or `allow` is not an array of strings. */
export function checkGatewayOptions(options: GatewayOptions): void {
  for (const name of Object.keys(options))
    if (!Object.hasOwn(NAMES, name))
      throw new SshError("usage", `createGateway has no option \`${name}\`; it has ${Object.keys(NAMES).join(", ")}`);
  for (const name of ["origins", "allow"] as const)
    if (!Array.isArray(options[name]) || options[name].some((one: unknown) => typeof one !== "string"))
      throw new SshError("usage", `createGateway needs \`${name}\`, an array of strings`);
}
