import { AUTHENTICATION } from "./rows/authentication.ts";
import { CLIENT_FILES_TERMINALS } from "./rows/client-files-terminals.ts";
import { CONNECTION } from "./rows/connection.ts";
import { CRYPTOGRAPHY } from "./rows/cryptography.ts";
import { EDGES } from "./rows/edges.ts";
import { TRANSPORT } from "./rows/transport.ts";
import type { Held, Row } from "./rows/types.ts";

/** What has gone wrong in other implementations, by area. Each row is tried on each side that it touches. */
export const AREAS: Readonly<Record<string, readonly Row[]>> = {
  Transport: TRANSPORT,
  Cryptography: CRYPTOGRAPHY,
  Authentication: AUTHENTICATION,
  Connection: CONNECTION,
  "Client, files, terminals": CLIENT_FILES_TERMINALS,
  "The edges": EDGES,
};

/** A row on a side that keeps it, and a test of it. */
export interface HeldSide extends Held {
  readonly title: string;
  readonly side: "client" | "server";
  /** The test's name. */
  readonly name: string;
}

/** Every row and side that tests show to be kept, test by test. */
export const HELD: readonly HeldSide[] = Object.values(AREAS)
  .flat()
  .flatMap((row) =>
    (["client", "server"] as const).flatMap((side) => {
      const { title, [side]: standing } = row;
      if (typeof standing === "string") return [];
      const tests = "file" in standing ? [standing] : standing;
      return tests.map((held) => ({ ...held, title, side, name: held.name ?? `${title} · ${side}` }));
    }),
  );
