import { escapeText, SshError } from "@nacre/wire";
import { type FindIdentities, onAbort, type RemoteIdentity } from "nacre/extend";
import { LIST_TIMEOUT, SIGN_TIMEOUT, supportedKeys } from "./agent.ts";
import type { AgentLink, AgentWait } from "./agent-link.ts";
import type { FileOptions } from "./identity-file.ts";

type ServerProof = Parameters<FindIdentities>[0];

/**
 * Returns the keys of an agent for one login. All requests share the connection `first`, which is tied to the SSH connection before the
 * keys are listed: the agent then shows those that may log in there. It closes when `signal` aborts. Rejects with `agent-failed` or
 * `aborted`; an agent that fails later is a warning, and its keys are skipped. `again` makes another connection.
 */
export async function agentLogin(
  first: AgentLink,
  again: (wait: AgentWait) => Promise<AgentLink>,
  server: ServerProof,
  signal: AbortSignal,
  { warn, minRsaBits }: Pick<FileOptions, "warn" | "minRsaBits">,
): Promise<RemoteIdentity[]> {
  const wait = { timeout: LIST_TIMEOUT, signal };
  let link = first;
  onAbort(signal, () => void link.close());
  const identities = await boundList(link, server, wait).catch(async (error: unknown) => {
    // Some agents close the connection at a request that they do not know.
    if (!link.isOver || link.wasSilent || signal.aborted) throw error;
    link = await again(wait);
    return link.list(wait);
  });
  return supportedKeys(identities, { minRsaBits }).map(({ publicKey, comment }) => ({
    publicKey,
    comment,
    async sign(algorithm, data) {
      try {
        const signature = await link.sign(publicKey.blob, algorithm, data, { timeout: SIGN_TIMEOUT, signal });
        if (signature === undefined) warn(`${escapeText(comment)}: the SSH agent refused to sign`);
        return signature;
      } catch (error) {
        if (!(error instanceof SshError) || error.code !== "agent-failed") throw error;
        warn(error.message);
        return undefined;
      }
    },
  }));
}

async function boundList(link: AgentLink, server: ServerProof, wait: AgentWait): ReturnType<AgentLink["list"]> {
  // Both in one flight. An agent that refuses the bind may still have keys for everyone.
  const [, identities] = await Promise.all([link.bind({ ...server, isForwarding: false }, wait), link.list(wait)]);
  return identities;
}
