import { dynamicForwardLines, KEYWORDS } from "./keywords.ts";
import type { Keyword } from "./kinds.ts";
import type { ResolvedConfig } from "./request.ts";
import { proxyLines } from "./special.ts";
import { KEYWORD_NAMES } from "./state.ts";

/** Returns the lines that `ssh -G` prints, in its order. */
export function configLines({ host, values }: ResolvedConfig): string[] {
  const lines = [`host ${host}`];
  for (const name of KEYWORD_NAMES) {
    const { print, printedName = name.toLowerCase() } = KEYWORDS[name] as Keyword<unknown>;
    if (name === "localForward")
      lines.push(...dynamicForwardLines(values.localForward).map((text) => `dynamicforward ${text}`));
    for (const text of print(values[name], values)) lines.push(`${printedName} ${text}`);
  }
  lines.push(...proxyLines(values.proxy));
  return lines;
}
