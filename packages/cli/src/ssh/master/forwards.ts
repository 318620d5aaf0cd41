import { escapeText } from "@nacre/wire";
import type { Master, MasterForward, MasterPlace } from "nacre/internal-on-demand";
import { say } from "../../say.ts";

/** A forward of the command line. */
export interface RequestedForward {
  readonly option: "-L" | "-R" | "-D";
  readonly listen: MasterPlace;
  /** `undefined` if each connection names its target by SOCKS. */
  readonly target: MasterPlace | undefined;
}

const KINDS = { "-L": "local", "-R": "remote", "-D": "dynamic" } as const;

/**
 * Opens or closes forwards at a master, one after the other, as ssh(1) does. They last as long as the master. Calls `allocated` with each
 * port that the server chose. Prints why one fails. Resolves with whether all succeeded. Rejects as `Master.request` does.
 */
export async function requestForwards(
  master: Master,
  type: "open-forward" | "close-forward",
  forwards: readonly RequestedForward[],
  allocated: (port: number, target: MasterPlace | undefined) => void,
): Promise<boolean> {
  let succeeded = true;
  for (const { option, listen, target } of forwards) {
    const forward: MasterForward = { kind: KINDS[option], listen, target };
    const answer = await master.request({ type, forward });
    if (answer.type === "remote-port") allocated(answer.port, target);
    else if (answer.type !== "ok") {
      succeeded = false;
      const reason = "reason" in answer ? escapeText(answer.reason) : "unexpected answer";
      say(
        answer.type === "denied"
          ? `Master refused forwarding request: ${reason}`
          : `mux_client_forward: forwarding request failed: ${reason}`,
      );
    }
  }
  return succeeded;
}
