import { escapeText, SshError } from "@nacre/wire";
import type { GatewayOptions } from "./options.ts";

/** What an option may be, and how to recognize it. */
const TYPES = {
  "an array of strings": (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string"),
  "a function": (value: unknown) => typeof value === "function",
  "a string": (value: unknown) => typeof value === "string",
  "true or false": (value: unknown) => typeof value === "boolean",
  "an object": (value: unknown) => typeof value === "object" && value !== null,
  "a path that begins with / and has no ? or #": (value: unknown) =>
    typeof value === "string" && /^\/[^?#]*$/.test(value),
} as const;

/** All options of `createGateway`. The type makes a missing name a compile error. */
const OPTIONS: Readonly<Record<keyof GatewayOptions, keyof typeof TYPES>> = {
  origins: "an array of strings",
  allow: "an array of strings",
  authorize: "a function",
  hosts: "an array of strings",
  sessionOf: "a function",
  tickets: "an object",
  path: "a path that begins with / and has no ? or #",
  ticketPath: "a path that begins with / and has no ? or #",
  metricsPath: "a path that begins with / and has no ? or #",
  plain: "a string",
  address: "a string",
  allowMissingOrigin: "true or false",
  allowInsecure: "true or false",
  trustedProxies: "an array of strings",
  lookup: "a function",
  limits: "an object",
  log: "a function",
};

const NEEDED: readonly (keyof GatewayOptions)[] = ["origins", "allow"];

/** Throws `usage` for an unknown option, for a value of another type, and if `origins` or `allow` is missing. */
export function checkGatewayOptions(options: GatewayOptions): void {
  checkNames("createGateway has no option", options, OPTIONS);
  for (const [name, type] of Object.entries(OPTIONS) as [keyof GatewayOptions, keyof typeof TYPES][]) {
    const { [name]: value } = options;
    if (value === undefined ? NEEDED.includes(name) : !TYPES[type](value))
      throw new SshError("usage", `\`${name}\` of createGateway must be ${type}`);
  }
}

/** Throws `usage` if `given` has a name that is not in `known`. `hasNo` begins the message. */
export function checkNames(hasNo: string, given: object, known: object): void {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(known, name))
      throw new SshError("usage", `${hasNo} \`${escapeText(name)}\`; it has ${Object.keys(known).join(", ")}`);
}
