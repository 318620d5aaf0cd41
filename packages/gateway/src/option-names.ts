import { escapeText, SshError } from "@nacre/wire";
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

/** Throws `usage` for an unknown option, an invalid path, or if `origins` or `allow` is not an array of strings. */
export function checkGatewayOptions(options: GatewayOptions): void {
  checkNames("createGateway has no option", options, NAMES);
  for (const name of ["origins", "allow"] as const)
    if (!Array.isArray(options[name]) || options[name].some((one: unknown) => typeof one !== "string"))
      throw new SshError("usage", `createGateway needs \`${name}\`, an array of strings`);
  for (const name of ["path", "ticketPath", "metricsPath"] as const) {
    const { [name]: path = "/" } = options;
    if (!/^\/[^?#]*$/.test(path))
      throw new SshError("usage", `\`${name}\` must begin with / and have no ? or #, unlike "${escapeText(path)}"`);
  }
}

/** Throws `usage` if `given` has a name that is not in `known`. `hasNo` begins the message. */
export function checkNames(hasNo: string, given: object, known: object): void {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(known, name))
      throw new SshError("usage", `${hasNo} \`${escapeText(name)}\`; it has ${Object.keys(known).join(", ")}`);
}
