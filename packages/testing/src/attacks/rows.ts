import { AGENT } from "./rows/agent.ts";
import { AGENT_PROTOCOL } from "./rows/agent-protocol.ts";
import { AUTHENTICATION } from "./rows/authentication.ts";
import { CERTIFICATE_LOGINS } from "./rows/certificate-logins.ts";
import { CLIENT_FILES_TERMINALS } from "./rows/client-files-terminals.ts";
import { CONFIG_ROWS } from "./rows/config.ts";
import { CONNECTION } from "./rows/connection.ts";
import { CRYPTOGRAPHY } from "./rows/cryptography.ts";
import { EDGES } from "./rows/edges.ts";
import { GATEWAY_ROWS } from "./rows/gateway.ts";
import { HOST_KEYS } from "./rows/host-keys.ts";
import { MASTERS } from "./rows/master.ts";
import { RECONNECTING } from "./rows/reconnect.ts";
import { SCP } from "./rows/scp.ts";
import { SFTP } from "./rows/sftp.ts";
import { SIGNED_FILES } from "./rows/signed-files.ts";
import { OF_SSH2 } from "./rows/ssh2.ts";
import { TRANSPORT } from "./rows/transport.ts";
import type { Held, Row } from "./rows/types.ts";
import { WEB } from "./rows/web.ts";
import { WINDOWS } from "./rows/windows.ts";

/** Attacks that succeeded against other implementations, by area. Each row is tested on every side that it affects. */
export const AREAS: Readonly<Record<string, readonly Row[]>> = {
  Transport: TRANSPORT,
  Cryptography: CRYPTOGRAPHY,
  Authentication: AUTHENTICATION,
  "Certificate logins": CERTIFICATE_LOGINS,
  Connection: CONNECTION,
  "Client, files, terminals": CLIENT_FILES_TERMINALS,
  "Host keys": HOST_KEYS,
  "The edges": EDGES,
  "The configuration": CONFIG_ROWS,
  Web: WEB,
  Gateway: GATEWAY_ROWS,
  SFTP,
  scp: SCP,
  "Agent protocol": AGENT_PROTOCOL,
  "Agent forwarding": AGENT,
  Reconnecting: RECONNECTING,
  "Masters of OpenSSH": MASTERS,
  "Signed files and revoked keys": SIGNED_FILES,
  Windows: WINDOWS,
  "Programs for ssh2": OF_SSH2,
};

/** Row on one side, with a test that shows the protection. */
export interface HeldSide extends Held {
  readonly title: string;
  readonly side: "client" | "server";
  /** Test title. */
  readonly name: string;
}

/** All tests of all rows and sides. */
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
