import { serverNone } from "@nacre/auth";
import type { ServerLoginMethod } from "nacre/extend";
import { serverMethods } from "nacre/internal-on-demand";
import { serverHostbased } from "./hostbased.ts";

/** Login methods that a list for the client may name. */
export const LISTED_METHODS: readonly ServerLoginMethod[] = [
  ...serverMethods.filter(({ method }) => method.name !== "none"),
  serverHostbased,
];

/**
 * Login methods that are accepted even if the last refusal did not list them: after `reject()` without a list the application still
 * decides each attempt.
 */
export const UNLISTED_METHODS: readonly ServerLoginMethod[] = [
  ...LISTED_METHODS.map(unlisted),
  {
    ...named("none"),
    method: {
      ...serverNone,
      ...openName(serverNone.name),
      begin(attempt) {
        attempt.progress.countNone();
        attempt.ask({ type: "none" }, (verdict) => attempt.judge({ method: "none" }, verdict, "counted"));
      },
    },
  },
];

function named(name: string): ServerLoginMethod {
  return serverMethods.find(({ method }) => method.name === name)!;
}

/** Returns the method under another name, which no list shows, with its own name as a variant. */
function unlisted({ method, application }: ServerLoginMethod): ServerLoginMethod {
  const { name, variants = [] } = method;
  return {
    method: { ...method, ...openName(name, variants) },
    ...(application !== undefined && { application }),
  };
}

function openName(
  name: string,
  variants: readonly string[] = [],
): { name: string; variants: string[]; isUnlisted: true } {
  return { name: `${name}@ssh2`, variants: [name, ...variants], isUnlisted: true };
}
